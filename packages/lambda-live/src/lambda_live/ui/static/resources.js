// The AWS resources: their numbers, their contents, and forms that add to them. They are read only while they are shown.

import { h, termList } from "./dom.js";
import { request } from "./api.js";
import { textView } from "./body.js";
import { formatSize } from "./format.js";

const POLL_MS = 2000;
const MAX_UPLOAD_BYTES = 6 * 2 ** 20;
const TITLES = { queue: "Queues", table: "Tables", bucket: "Buckets", topic: "Topics", bus: "Event buses", stream: "Streams", schedule: "Schedules" };
const VERBS = { queue: "Send message", table: "Put item", bucket: "Upload", topic: "Publish", bus: "Put event", stream: "Put record", schedule: "Fire now" };
const CONTENTS = { queue: "Show messages", table: "Show items", bucket: "Show objects" };

export async function resourcesView() {
  const cards = new Map(); // by id
  const article = h("article", { class: "resources" });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });

  async function refresh() {
    const { url, resources } = await request("GET", "resources");
    problem.hidden = true;
    const ids = resources.map(({ kind, name }) => `${kind}:${name}`);
    const isSame = ids.length === cards.size && ids.every((id) => cards.has(id));
    for (const [index, resource] of resources.entries()) {
      if (!cards.has(ids[index])) cards.set(ids[index], card(resource, refresh));
      cards.get(ids[index]).update(resource);
    }
    if (isSame && cards.size) return;
    for (const id of [...cards.keys()].filter((each) => !ids.includes(each))) cards.delete(id);
    const sections = Object.entries(TITLES).map(([kind, title]) => {
      const elements = ids.filter((id) => id.startsWith(`${kind}:`)).map((id) => cards.get(id).element);
      return elements.length ? [h("h3", {}, title), elements] : [];
    });
    article.replaceChildren(h("h2", {}, "Resources"), ...[url && h("div", { class: "meta" }, h("code", {}, url)), problem, ids.length ? null : h("p", { class: "remark" }, "There are no resources yet."), sections].flat(Infinity).filter(Boolean));
  }

  async function poll() {
    if (!article.isConnected) return;
    if (!document.hidden) await refresh().catch((error) => { problem.hidden = false; problem.textContent = error.message; });
    setTimeout(poll, POLL_MS);
  }

  await refresh();
  setTimeout(poll, POLL_MS);
  return article;
}

function card(resource, refresh) {
  const { kind, name } = resource;
  const facts = h("dl", {});
  const contents = h("div", {});
  const holder = h("div", {});
  const done = h("p", { class: "remark", role: "status" });
  let shown = "";
  let formOpen = false;

  async function act(body) {
    try {
      done.className = "remark";
      done.textContent = (await request("POST", path(kind, name), await body())).done;
      await refresh();
    } catch (error) {
      done.className = "problem";
      done.textContent = error.message;
    }
  }

  const add = h("button", { type: "button", "aria-expanded": kind === "schedule" ? null : "false", "aria-label": `${VERBS[kind]}: ${name}`, onclick: () => {
    if (kind === "schedule") { act(() => ({})); return; }
    formOpen = !formOpen;
    add.setAttribute("aria-expanded", String(formOpen));
    done.textContent = "";
    holder.replaceChildren(...(formOpen ? [form(resource, act)] : []));
    holder.querySelector("textarea, input")?.focus();
  } }, VERBS[kind]);

  async function load() {
    try {
      const found = (await request("GET", path(kind, name))).contents;
      const text = JSON.stringify(found);
      if (text === contents.dataset.text) return;
      contents.dataset.text = text;
      contents.replaceChildren(...(found.length ? found.map((each) => contentView(name, each)) : [h("p", { class: "remark" }, "Nothing is in it.")]));
    } catch (error) {
      contents.replaceChildren(h("p", { class: "problem" }, error.message));
    }
  }

  const show = h("button", { type: "button", "aria-expanded": "false", "aria-label": `${CONTENTS[kind]}: ${name}`, onclick: () => {
    const isOpen = show.getAttribute("aria-expanded") === "true";
    show.setAttribute("aria-expanded", String(!isOpen));
    delete contents.dataset.text;
    if (isOpen) contents.replaceChildren();
    else load();
  } }, CONTENTS[kind]);

  // Looking at a message counts as receiving it, so it is offered only where no function and no redrive counts.
  const canShow = (each) => kind in CONTENTS && (kind !== "queue" || (!each.functions.length && !each.deadLetter && !each.isFifo));

  function update(each) {
    const text = JSON.stringify([each.facts, each.functions]);
    show.hidden = !canShow(each);
    if (text === shown) return;
    shown = text;
    const readers = each.functions.length ? [["Read by", [...new Set(each.functions)].join(", ")]] : [];
    facts.replaceChildren(...termList([...each.facts, ...readers]));
    if (show.getAttribute("aria-expanded") === "true") load();
  }

  const element = h("section", { class: "function", id: `resource-${kind}:${name}`, "aria-label": name },
    h("h4", { class: "title" }, h("b", {}, name), h("span", { class: "spacer" }), kind in CONTENTS ? show : null, add), facts, done, holder, contents);
  return { element, update };
}

const path = (kind, name) => `resources/${kind}/${encodeURIComponent(name)}`;

function contentView(bucket, { title, text, truncated, key, size }) {
  if (key !== undefined) {
    return h("p", { class: "object" }, h("a", { href: `/api/${path("bucket", bucket)}?key=${encodeURIComponent(key)}`, download: "" }, key), ` ${formatSize(size)}`);
  }
  return h("div", { class: "body" }, title && h("p", { class: "remark" }, title), textView(text), truncated && h("p", { class: "warning" }, "Shows the first 64 KB."));
}

// A form with a text, or with a file for a bucket.
function form({ kind, name, sample, isFifo }, act) {
  const text = h("textarea", { "aria-label": `${VERBS[kind]}: text`, spellcheck: "false" });
  text.value = sample ?? '{\n  "message": "hello"\n}';
  const group = h("input", { type: "text", value: "default", spellcheck: "false" });
  const file = h("input", { type: "file", required: true, onchange: () => { if (!key.value && file.files[0]) key.value = file.files[0].name; } });
  const key = h("input", { type: "text", required: true, spellcheck: "false" });
  const submit = h("button", { class: "primary" }, VERBS[kind]);
  const onSubmit = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    await act(async () => (kind === "bucket" ? { key: key.value, content: await base64(file.files[0]) } : { text: text.value, group: group.value }));
    submit.disabled = false;
  };
  const fields = kind === "bucket" ? [h("label", {}, "File ", file), h("label", {}, "Key ", key)]
    : [text, (isFifo || kind === "stream") && h("label", {}, isFifo ? "Message group " : "Partition key ", group)];
  return h("form", { class: "send", "aria-label": `${VERBS[kind]}: ${name}`, onsubmit: onSubmit, onkeydown: (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit();
  } }, fields, h("div", { class: "line" }, submit));
}

async function base64(file) {
  if (file.size > MAX_UPLOAD_BYTES) throw new Error("The page uploads up to 6 MB. Use: lambda-live aws put");
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}
