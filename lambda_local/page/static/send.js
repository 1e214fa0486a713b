// Sending an event: one of events/, or one that is written here; its answer stands beside the expected one.

import { h } from "./dom.js";
import { ask } from "./api.js";
import { invocation, show } from "./detail.js";
import { sideBySide } from "./diff.js";
import { pretty, readable } from "./format.js";
import { state } from "./state.js";

const FIRST = '{\n  "message": "hello world"\n}';

export async function sendPane({ bar, given, onSent }) {
  const chosen = given?.function ?? state.functions[0]?.name;
  const functions = h("select", { "aria-label": "Function" }, state.functions.map(({ name }) => h("option", { value: name, selected: name === chosen }, name)));
  const events = h("select", { "aria-label": "Event" });
  const text = h("textarea", { "aria-label": "Event, as JSON", spellcheck: "false" });
  const result = h("div", { "aria-live": "polite" });
  const button = h("button", { type: "submit", class: "primary" }, "Send");
  text.value = given ? pretty(given.text) : FIRST;
  let example = null;

  async function list() {
    const names = await ask("GET", `examples?function=${encodeURIComponent(functions.value)}`).catch(() => []);
    events.replaceChildren(h("option", { value: "" }, names.length ? "events/ …" : "no events/ here"), ...names.map((name) => h("option", { value: name }, name)));
    events.disabled = !names.length;
  }

  async function choose() {
    example = null;
    if (!events.value) return;
    try {
      example = await ask("GET", `examples/${encodeURIComponent(events.value)}?function=${encodeURIComponent(functions.value)}`);
      text.value = example.event.trimEnd();
      result.replaceChildren();
    } catch (error) {
      result.replaceChildren(h("p", { class: "problem" }, error.message));
    }
  }

  async function send(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      const own = example && example.event.trimEnd() === text.value ? example : null;
      const row = await ask("POST", "invoke", { function: functions.value, event: text.value, example: own?.name, call: own?.name ?? given?.call ?? "Send" });
      result.replaceChildren(...compared(row, own), invocation(row));
      onSent(row);
    } catch (error) {
      result.replaceChildren(h("p", { class: "problem" }, error.message));
    }
    button.disabled = false;
  }

  functions.addEventListener("change", list);
  events.addEventListener("change", choose);
  text.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send(event); });
  show(bar, h("h2", {}, "Send an event"),
    h("form", { class: "send", onsubmit: send },
      h("div", { class: "line" }, functions, events), text,
      h("div", { class: "line" }, button, h("kbd", {}, "Ctrl Enter"))),
    result);
  text.focus();
  await list();
}

function compared(row, example) {
  if (!example || row.asExpected === null) return [];
  if (row.asExpected) return [h("p", { class: "verdict same" }, "✓ The expected answer")];
  return [h("p", { class: "verdict other" }, "Not the expected answer"),
    sideBySide(readable(example.expected), readable(row.answer.text), ["Expected", "Answered"])];
}
