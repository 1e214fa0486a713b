// The composer: sends an event, or an HTTP request to the function URL.

import { h } from "./dom.js";
import { request } from "./api.js";
import { httpMessage, section } from "./body.js";
import { invocationView, show } from "./detail.js";
import { sideBySide } from "./diff.js";
import { comparableText, formatSize, pretty } from "./format.js";
import { state } from "./state.js";

const DEFAULT_EVENT = '{\n  "message": "hello world"\n}';
const SAMPLE = "sample:";
const HTTP_REQUEST = /^(?:#|\/|@|[a-z]+:\/\/|[A-Z]+ \S)/; // valid JSON never starts like this

// `initial` is an earlier invocation to edit, or the names of a function and a sample. `onSent` gets the new row, or null if no function was invoked.
export async function composer({ bar, initial, onSent }) {
  const selectedFunction = initial?.function ?? state.functions[0]?.name;
  const functions = h("select", { "aria-label": "Function", hidden: state.functions.length < 2 }, state.functions.map(({ name }) => h("option", { value: name, selected: name === selectedFunction }, name)));
  const eventFiles = h("select", { "aria-label": "Event file" });
  const tenant = h("input", { type: "text", value: initial?.tenantId ?? "tenant", spellcheck: "false", required: true });
  const tenantLabel = h("label", { hidden: true }, "Tenant id ", tenant);
  const text = h("textarea", { "aria-label": "Event or request", spellcheck: "false" });
  const hint = h("span", { class: "hint" });
  const result = h("div", { "aria-live": "polite" });
  const button = h("button", { type: "submit", class: "primary" }, "Send");
  text.value = initial?.text ? pretty(initial.text) : DEFAULT_EVENT;
  let samples = []; // events for the function's triggers
  let eventFile = null; // the selected file, with its event and expected response

  const isRequest = () => eventFiles.value.endsWith(".http") || HTTP_REQUEST.test(text.value.trimStart());

  function showHint() {
    tenantLabel.hidden = isRequest() || !state.functions.find(({ name }) => name === functions.value)?.needsTenant;
    tenant.disabled = tenantLabel.hidden;
    hint.textContent = isRequest() ? "HTTP request to the function URL" : "JSON event, or an HTTP request such as POST /path";
  }

  function showError(error) {
    result.replaceChildren(h("p", { class: "problem" }, error.message));
  }

  async function listEventFiles() {
    eventFile = null;
    const query = `function=${encodeURIComponent(functions.value)}`;
    const [names, found] = await Promise.all(["events", "samples"].map((path) => request("GET", `${path}?${query}`).catch(() => [])));
    samples = found;
    eventFiles.replaceChildren(h("option", { value: "" }, names.length || samples.length ? "Load an event" : "No saved events"),
      names.length ? h("optgroup", { label: "events/" }, names.map((name) => h("option", { value: name }, name))) : "",
      sampleGroup("Samples for its triggers", true), sampleGroup("Other samples", false));
    eventFiles.disabled = !names.length && !samples.length;
    showHint();
  }

  function sampleGroup(label, isTrigger) {
    const options = samples.map(({ name, ...each }, index) => each.isTrigger === isTrigger && h("option", { value: `${SAMPLE}${index}` }, name)).filter(Boolean);
    return options.length ? h("optgroup", { label }, options) : "";
  }

  async function loadEventFile() {
    eventFile = null;
    if (!eventFiles.value) return;
    if (eventFiles.value.startsWith(SAMPLE)) {
      text.value = samples[Number(eventFiles.value.slice(SAMPLE.length))].event;
      showHint();
      result.replaceChildren();
      return;
    }
    try {
      eventFile = await request("GET", `events/${encodeURIComponent(eventFiles.value)}?function=${encodeURIComponent(functions.value)}`);
      text.value = eventFile.event.trimEnd();
      showHint();
      result.replaceChildren();
    } catch (error) {
      showError(error);
    }
  }

  async function send() {
    const unchanged = eventFile && eventFile.event.trimEnd() === text.value ? eventFile : null;
    const body = { function: functions.value, eventFile: unchanged?.name };
    if (isRequest()) {
      const sent = await request("POST", "request", { ...body, request: text.value });
      return { row: sent.row, content: [...comparisonView(sent, unchanged), ...responseView(sent)] };
    }
    const row = await request("POST", "invoke", { ...body, event: text.value, tenantId: tenant.disabled ? null : tenant.value, label: unchanged?.name ?? initial?.label ?? "Send" });
    const sides = { expected: row.expected && comparableText(row.expected), actual: comparableText(row.response.text) };
    return { row, content: comparisonView({ ...row, ...sides }, unchanged) };
  }

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      const { row, content } = await send();
      result.replaceChildren(...content, ...(row ? [invocationView(row)] : []));
      onSent(row);
    } catch (error) {
      showError(error);
    }
    button.disabled = false;
  }

  functions.addEventListener("change", listEventFiles);
  eventFiles.addEventListener("change", loadEventFile);
  text.addEventListener("input", showHint);
  text.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event); });
  show(bar, h("h2", {}, "Send event"),
    h("form", { class: "send", onsubmit: submit },
      h("div", { class: "line" }, functions, eventFiles, tenantLabel), text,
      h("div", { class: "line" }, button, h("kbd", {}, "Ctrl Enter"), hint)),
    result);
  text.focus();
  await listEventFiles();
  const sample = samples.findIndex(({ name }) => name === initial?.sample);
  if (sample >= 0) { eventFiles.value = `${SAMPLE}${sample}`; await loadEventFile(); }
}

function comparisonView({ matchesExpected, expected, actual }, eventFile) {
  if (!eventFile?.expected) return [];
  if (matchesExpected === null) return [h("p", { class: "verdict" }, "Response too large to compare")];
  if (matchesExpected) return [h("p", { class: "verdict match" }, "✓ Matches the expected response")];
  return [h("p", { class: "verdict mismatch" }, "Differs from the expected response"), sideBySide(expected, actual, ["Expected", "Actual"])];
}

// Shows what the client received only if it differs from the function's own response.
function responseView({ response, row }) {
  if (row && (row.errorType || row.httpStatus === response.status)) return [];
  const title = row ? "Function URL response" : "Response (no function was invoked)";
  const { text, size, truncated } = response.body;
  const note = truncated ? h("p", { class: "warning" }, `Shows the first 64 KB of ${formatSize(size)}.`) : "";
  return [...section(title, httpMessage(response.status, response.headers, pretty(text))), note];
}
