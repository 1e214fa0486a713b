// Sending an event, or a request to the function's URL: one of events/, or one that is written here.

import { h } from "./dom.js";
import { ask } from "./api.js";
import { cutNote, invocation, message, section, show } from "./detail.js";
import { sideBySide } from "./diff.js";
import { pretty, readable } from "./format.js";
import { state } from "./state.js";

const FIRST = '{\n  "message": "hello world"\n}';
const REQUEST = /^(?:#|\/|@|[a-z]+:\/\/|[A-Z]+ \S)/; // no JSON begins so

export async function sendPane({ bar, given, onSent }) {
  const chosen = given?.function ?? state.functions[0]?.name;
  const functions = h("select", { "aria-label": "Function", hidden: state.functions.length < 2 }, state.functions.map(({ name }) => h("option", { value: name, selected: name === chosen }, name)));
  const events = h("select", { "aria-label": "Event" });
  const text = h("textarea", { "aria-label": "What is sent", spellcheck: "false" });
  const kind = h("span", { class: "hint" });
  const result = h("div", { "aria-live": "polite" });
  const button = h("button", { type: "submit", class: "primary" }, "Send");
  text.value = given ? pretty(given.text) : FIRST;
  let example = null;

  const isRequest = () => events.value.endsWith(".http") || REQUEST.test(text.value.trimStart());

  function said() {
    kind.textContent = isRequest() ? "A request to the function's URL" : "An event, as JSON; a request begins like POST /path";
  }

  async function list() {
    example = null;
    const names = await ask("GET", `examples?function=${encodeURIComponent(functions.value)}`).catch(() => []);
    events.replaceChildren(h("option", { value: "" }, names.length ? "events/ …" : "no events/ here"), ...names.map((name) => h("option", { value: name }, name)));
    events.disabled = !names.length;
    said();
  }

  async function choose() {
    example = null;
    if (!events.value) return;
    try {
      example = await ask("GET", `examples/${encodeURIComponent(events.value)}?function=${encodeURIComponent(functions.value)}`);
      text.value = example.event.trimEnd();
      said();
      result.replaceChildren();
    } catch (error) {
      result.replaceChildren(h("p", { class: "problem" }, error.message));
    }
  }

  async function sent() {
    const own = example && example.event.trimEnd() === text.value ? example : null;
    if (isRequest()) {
      const told = await ask("POST", "request", { function: functions.value, request: text.value, example: own?.name });
      return { row: told.row, shown: [...compared(told, own), ...responded(told)] };
    }
    const row = await ask("POST", "invoke", { function: functions.value, event: text.value, example: own?.name, call: own?.name ?? given?.call ?? "Send" });
    return { row, shown: compared({ ...row, expected: row.expected && readable(row.expected), answered: readable(row.answer.text) }, own) };
  }

  async function send(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      const { row, shown } = await sent();
      result.replaceChildren(...shown, ...(row ? [invocation(row)] : []));
      onSent(row);
    } catch (error) {
      result.replaceChildren(h("p", { class: "problem" }, error.message));
    }
    button.disabled = false;
  }

  functions.addEventListener("change", list);
  events.addEventListener("change", choose);
  text.addEventListener("input", said);
  text.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send(event); });
  show(bar, h("h2", {}, "Send an event"),
    h("form", { class: "send", onsubmit: send },
      h("div", { class: "line" }, functions, events), text,
      h("div", { class: "line" }, button, h("kbd", {}, "Ctrl Enter"), kind)),
    result);
  text.focus();
  await list();
}

function compared(told, example) {
  if (!example?.expected) return [];
  if (told.asExpected === null) return [h("p", { class: "verdict" }, "Too large to be compared with the expected answer")];
  if (told.asExpected) return [h("p", { class: "verdict same" }, "✓ The expected answer")];
  return [h("p", { class: "verdict other" }, "Not the expected answer"), sideBySide(told.expected, told.answered, ["Expected", "Answered"])];
}

// What the client got, where that is not what the function answered: it may not even have been asked.
function responded({ http, row }) {
  if (row && (row.errorType || row.http === http.status)) return [];
  return [...section(row ? "Response of the function's URL" : "Response; no function was invoked", message(http.status, http.headers, pretty(http.body.text))), cutNote(http.body) ?? ""];
}
