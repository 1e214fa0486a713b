// Events, responses and logs: folded JSON, search, truncated and binary content.

import { copyButton, h } from "./dom.js";
import { formatSize, parseJson, parseProxyResponse, pretty, stripColors } from "./format.js";

const MAX_TREE_CHARACTERS = 200000; // longer JSON is shown without folding
const MAX_OPEN_MEMBERS = 50; // longer objects and arrays are folded at first
const IMAGE_TYPE = /^image\/(png|jpeg|gif|webp)\b/i;

// A titled part of the detail, with a search field for long content. `text` is what Copy copies: what is shown.
export function section(title, content, ...more) {
  return content ? [h("h3", {}, title, h("span", { class: "spacer" }), ...more), content] : [];
}

// JSON with parts that fold, or plain text.
export function textView(text) {
  const value = text.length > MAX_TREE_CHARACTERS ? undefined : parseJson(text);
  if (value === undefined) return h("pre", { tabindex: 0 }, pretty(text));
  return h("pre", { tabindex: 0, class: "json" }, jsonNodes(value));
}

// `comma` follows the value.
function jsonNodes(value, comma = "") {
  if (value === null || typeof value !== "object") return [h("span", { class: typeof value === "string" ? "string" : "literal" }, JSON.stringify(value)), comma];
  const isArray = Array.isArray(value);
  const entries = isArray ? value.map((item) => [null, item]) : Object.entries(value);
  const [start, end] = isArray ? "[]" : "{}";
  if (!entries.length) return [start + end + comma];
  const lines = entries.map(([name, item], index) =>
    h("div", { class: "line" }, name !== null && [h("span", { class: "key" }, JSON.stringify(name)), ": "], jsonNodes(item, index < entries.length - 1 ? "," : "")));
  const count = `${entries.length} ${isArray ? "item" : "member"}${entries.length === 1 ? "" : "s"}`;
  return [h("details", { open: entries.length <= MAX_OPEN_MEMBERS }, h("summary", {}, start, h("span", { class: "folded" }, ` ${count} ${end}${comma}`)), lines, h("div", {}, end + comma))];
}

// A part of an invocation: its content, what is missing of it, and buttons to search, copy and download it.
export function bodyView(title, row, part, render = textView) {
  const body = row[part];
  const holder = h("div", { class: "body" });
  let shown = "";
  const fill = (text) => {
    const { node, text: copied } = asRendered(render(text, row), text);
    shown = copied;
    holder.replaceChildren(node);
  };
  fill(body.text);
  const note = body.truncated ? truncatedNote(row, part, fill) : null;
  const download = h("a", { href: `/api/rows/${row.id}/${part}`, download: "", class: "button" }, "Download");
  return [...section(title, h("div", {}, note, holder), searchField(holder), copyButton(() => shown), download)];
}

function asRendered(result, text) {
  return result instanceof Node ? { node: result, text: pretty(text) } : result;
}

function truncatedNote(row, part, fill) {
  const { size } = row[part];
  const note = h("p", { class: "warning" }, `Shows the first 64 KB of ${formatSize(size)}. `);
  note.append(h("button", { type: "button", onclick: async (event) => {
    event.target.disabled = true;
    const response = await fetch(`/api/rows/${row.id}/${part}`).catch(() => null);
    if (response?.ok) { fill(await response.text()); note.remove(); return; }
    const problem = response ? (await response.json().catch(() => ({}))).message : "The service is not reachable.";
    note.replaceChildren(problem ?? "The rest could not be loaded.");
  } }, "Show all"));
  return note;
}

// The response as the client received it: an HTTP message, an image, or JSON.
export function responseView(text, row) {
  const http = parseProxyResponse(text);
  if (http === null) return textView(text);
  const message = `HTTP ${http.status}\n${http.headers.map(([name, value]) => `${name}: ${value}\n`).join("")}\n`;
  if (!http.binary) return { node: httpMessage(http.status, http.headers, http.body), text: message + http.body };
  const type = http.headers.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "unknown type";
  const source = `/api/rows/${row.id}/content`;
  const description = `Binary body: ${type}, ${formatSize(http.size)}`;
  const node = h("div", { class: "binary" }, httpMessage(http.status, http.headers, ""),
    h("p", {}, description, " ", h("a", { href: source, download: "", class: "button" }, "Download body")),
    IMAGE_TYPE.test(type) && h("img", { src: source, alt: "The response's image" }));
  return { node, text: message + description };
}

export function httpMessage(status, headers, body) {
  const lines = headers.map(([name, value]) => [h("span", { class: "name" }, `${name}: `), `${value}\n`]);
  const head = h("pre", { tabindex: 0 }, h("span", { class: "status" }, `HTTP ${status}\n`), lines.flat());
  return body ? h("div", {}, head, textView(body)) : head;
}

// Search within one part. Matches are highlighted; Enter goes to the next one and unfolds it.
function searchField(holder) {
  const count = h("span", { class: "matches", role: "status" });
  let ranges = [];
  let at = -1;
  const find = (text) => {
    ranges = text ? textRanges(holder, text.toLowerCase()) : [];
    at = -1;
    if (globalThis.Highlight) CSS.highlights.set("found", new Highlight(...ranges));
    count.textContent = text ? `${ranges.length}` : "";
  };
  const next = () => {
    if (!ranges.length) return;
    at = (at + 1) % ranges.length;
    const element = ranges[at].startContainer.parentElement;
    for (let parent = element.closest("details"); parent; parent = parent.parentElement.closest("details")) parent.open = true;
    element.scrollIntoView({ block: "nearest" });
    if (globalThis.Highlight) CSS.highlights.set("current", new Highlight(ranges[at]));
    count.textContent = `${at + 1} of ${ranges.length}`;
  };
  const input = h("input", { type: "search", class: "find", placeholder: "Find", "aria-label": "Find in this text", oninput: (event) => find(event.target.value.trim()),
    onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); next(); } } });
  return [input, count];
}

function textRanges(holder, text) {
  const walker = document.createTreeWalker(holder, NodeFilter.SHOW_TEXT);
  const ranges = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const content = node.data.toLowerCase();
    for (let start = content.indexOf(text); start >= 0; start = content.indexOf(text, start + text.length)) {
      const range = document.createRange();
      range.setStart(node, start);
      range.setEnd(node, start + text.length);
      ranges.push(range);
    }
  }
  return ranges;
}

// The log: each record with the time since the start, structured records as text. Raw shows what the function wrote.
export function logView(row) {
  const { log, logRecords } = row;
  if (!log.text || (!logRecords.length && row.errorType)) return [];
  let isRaw = false;
  const pre = h("pre", { tabindex: 0, class: "log" });
  const shown = () => (isRaw ? log.text : logRecords.map(lineText).join("\n"));
  const fill = () => {
    pre.replaceChildren(...(isRaw ? [log.text] : logRecords.flatMap((record) => [...logLine(record, row.kind === "invocation"), "\n"])));
  };
  const raw = h("button", { type: "button", "aria-pressed": "false", onclick: () => {
    isRaw = !isRaw;
    raw.setAttribute("aria-pressed", String(isRaw));
    fill();
  } }, "Raw");
  fill();
  const note = log.truncated ? h("p", { class: "warning" }, `Shows the first 64 KB of ${formatSize(log.size)}. The rest of a log is not kept.`) : null;
  return section("Log", h("div", {}, note, pre), searchField(pre), raw, copyButton(shown));
}

// A record of a logger has a level and fields.
function logLine({ ms, level, text, fields }, hasTimes) {
  return [
    hasTimes && h("span", { class: "when", title: "since the start of the invocation" }, `${(ms / 1000).toFixed(3).padStart(7)} `),
    level && h("span", { class: `level ${level}` }, level.padEnd(8)), h("span", {}, stripColors(text)), fields && h("span", { class: "name" }, fields),
  ].filter(Boolean);
}

const lineText = ({ level, text, fields }) => `${level && level.padEnd(8)}${stripColors(text)}${fields}`;
