// The page: the opened row, the keyboard shortcuts, and the announcements for screen readers.

import { $, h } from "./dom.js";
import { request } from "./api.js";
import { showCharts } from "./charts.js";
import { detailView, hide, loadRow, pane, show } from "./detail.js";
import { saveAsCheckDialog } from "./save_check.js";
import { moveSelection, select, selectedRow, selectNewest, selectOldest, showList, toggleChecks, toggleFailed } from "./list.js";
import { composer } from "./send.js";
import { connect, onChange, onRows, state } from "./state.js";

const SHORTCUTS = [
  ["j k", "next, previous"], ["Enter", "open"], ["u", "back to the list"], ["r", "rerun"], ["e", "edit and send"],
  ["p", "pin: rerun after each save"], ["x", "save as check"], ["s", "send event"], ["/", "filter"],
  ["f", "failed only"], ["h", "show or hide checks"], ["a", "replay after save on or off"], ["g G", "newest, oldest"], ["?", "show shortcuts"],
];

const MAX_FUNCTION_BUTTONS = 4; // above this number, functions are summarised

let latestRequest = 0; // responses of older requests are ignored
let opened = null; // what the pane shows: {row}, {row, pin}, or {} for the composer

function announce(text) {
  $("announcement").textContent = text;
}

function showError(error) {
  announce(error.message);
  pane.querySelector(".bar")?.after(h("p", { class: "problem", role: "alert" }, error.message));
}

function actionButton(name, key, run, disabled = false) {
  return h("button", { type: "button", onclick: run, disabled, "aria-keyshortcuts": key }, `${name} `, h("kbd", {}, key));
}

function actionBar(row, pin) {
  const buttons = [actionButton("Back", "u", close), h("span", { class: "spacer" })];
  if (row?.kind === "invocation") {
    const { truncated } = row.event;
    buttons.push(actionButton("Rerun", "r", rerun, truncated), actionButton("Edit", "e", edit, truncated));
    if (!pin) buttons.push(actionButton("Pin", "p", togglePin, truncated), actionButton("Save as check", "x", saveAsCheck, truncated || Boolean(row.errorType)));
  }
  if (pin) buttons.push(actionButton("Unpin", "p", togglePin));
  return h("div", { class: "bar" }, buttons);
}

async function open(id) {
  const number = latestRequest += 1;
  try {
    const row = await loadRow(id);
    if (number === latestRequest) showRow(row);
  } catch (error) {
    announce(error.message);
  }
}

function showRow(row) {
  opened = { row };
  show(actionBar(row), detailView(row));
}

async function openPin(id) {
  const number = latestRequest += 1;
  try {
    const pin = await request("GET", `pins/${id}`);
    if (number !== latestRequest) return;
    opened = { pin, row: pin.original };
    show(actionBar(pin.original, pin), detailView(pin));
  } catch (error) {
    announce(error.message);
  }
}

function close() {
  latestRequest += 1;
  opened = null;
  hide();
  $("rows").focus();
}

const currentRow = () => opened?.row ?? selectedRow();

async function rerun() {
  const row = currentRow();
  if (row?.kind !== "invocation") return;
  try {
    const result = await request("POST", `rows/${row.id}/rerun`);
    if (opened) showRow(result);
    select(result.id);
    announce(`Rerun: ${result.errorType ?? "succeeded"}`);
  } catch (error) {
    showError(error);
  }
}

async function edit() {
  const row = currentRow();
  if (row?.kind !== "invocation") return;
  const detail = row.event ? row : await loadRow(row.id);
  compose({ text: detail.event.text, label: detail.label, function: detail.function });
}

function compose(initial) {
  latestRequest += 1;
  opened = {};
  composer({ bar: actionBar(), initial, onSent: (row) => { opened = row ? { row } : {}; pane.querySelector(".bar").replaceWith(actionBar(row)); } });
}

async function togglePin() {
  try {
    if (opened?.pin) {
      await request("DELETE", `pins/${opened.pin.id}`);
      announce("Unpinned");
      close();
    } else if (currentRow()?.kind === "invocation") {
      const pin = await request("POST", `rows/${currentRow().id}/pin`);
      announce("Pinned. It reruns after each save.");
      if (opened) openPin(pin.id);
    }
  } catch (error) {
    showError(error);
  }
}

function saveAsCheck() {
  const row = currentRow();
  if (row?.kind === "invocation") saveAsCheckDialog(row);
}

async function setReplay(enabled) {
  await request("PUT", "replay", { enabled }).catch(showError);
}

function showShortcuts() {
  $("shortcuts").replaceChildren(h("h2", {}, "Keyboard shortcuts"),
    h("dl", {}, SHORTCUTS.flatMap(([keys, what]) => [h("dt", {}, keys.split(" ").map((key) => [h("kbd", {}, key), " "]).flat()), h("dd", {}, what)])));
  $("shortcuts").showModal();
}

function step(by) {
  const id = moveSelection(by);
  if (id !== null && opened?.row) open(id);
}

const openSelected = () => selectedRow() && open(selectedRow().id);

const KEYS = {
  j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1), Enter: openSelected, o: openSelected,
  u: close, Escape: close, r: rerun, e: edit, p: togglePin, x: saveAsCheck, s: () => compose(), c: () => compose(),
  "/": () => $("text").focus(), f: toggleFailed, h: toggleChecks, a: () => setReplay(!state.replay),
  g: selectNewest, G: selectOldest, Home: selectNewest, End: selectOldest, "?": showShortcuts,
};

function onKeyDown(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const isTyping = event.target.matches("input[type=search], input[type=text], textarea, select");
  if (isTyping) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "Enter" && event.target.matches("button, a, summary, pre")) return;
  if (event.key.startsWith("Arrow") && event.target.closest("#detail")) return;
  const run = KEYS[event.key];
  if (!run) return;
  event.preventDefault();
  run();
}

function showFunctions() {
  const names = state.functions.map(({ name }) => name);
  $("name").textContent = names.length === 1 ? names[0] : `${names.length} functions`;
  const failed = state.functions.filter((each) => each.state === "failed");
  const others = state.functions.filter((each) => each.state !== "failed");
  document.title = `${failed.length ? "✕ " : ""}${$("name").textContent} · lambda-live`;
  if (!state.connected) {
    $("code").replaceChildren(h("span", { class: "disconnected" }, "Service not reachable. Reconnecting …"));
    return;
  }
  if (names.length <= MAX_FUNCTION_BUTTONS) {
    $("code").replaceChildren(...[...failed, ...others].map(functionButton));
    return;
  }
  const single = failed.length === 1 ? failed : [];
  const groups = [[failed.slice(single.length), "failed", "do not load"], [others, "loaded", "live"]].filter(([group]) => group.length);
  $("code").replaceChildren(...single.map(functionButton), ...groups.map(([group, kind, text]) =>
    h("button", { type: "button", class: `all ${kind}`, onclick: () => open(group[0].rowId) }, h("span", { class: "dot" }), `${group.length} ${text}`)));
}

function functionButton({ name, state: codeState, message, location, rowId, shortSha }) {
  const tag = state.functions.length > 1 && h("span", { class: "name" }, `${name} `);
  const place = location ? `: ${location.path.split("/").at(-1)}:${location.line}` : "";
  const text = { loading: "loading", loaded: "live ", failed: `does not load${place}` }[codeState];
  const isLoaded = codeState === "loaded";
  return h("button", { type: "button", class: codeState, title: message ?? (tag ? name : null), onclick: () => rowId && open(rowId) },
    h("span", { class: "dot" }), tag, h("span", { class: tag && isLoaded ? "visually-hidden" : "words" }, text), isLoaded && h("code", {}, shortSha.slice(0, 7)));
}

// The browser's error page links to an invocation by its request ID.
function openLinked() {
  const id = location.hash.slice(1);
  const row = id && [...state.rows.values()].reverse().find(({ requestId }) => requestId === id);
  if (row) { select(row.id); open(row.id); }
}

function announceRows(message) {
  if (message.snapshot) { openLinked(); return; }
  for (const row of message.rows ?? []) {
    if (row.kind === "reload") announce(row.errorType ? `Code does not load: ${row.message}` : "Saved and loaded");
    if (row.kind === "replay" && row.changedLabels.length) announce(`${row.changedLabels.length} ${row.changedLabels.length === 1 ? "response" : "responses"} changed`);
  }
}

showCharts();
showList({ onOpen: open, onOpenPin: openPin });
onChange((changed) => {
  if (changed.has("functions") || changed.has("connected")) showFunctions();
  if (changed.has("functions") && opened?.row?.kind === "reload") showRow(opened.row);
  if (changed.has("replay")) $("replay").checked = state.replay;
  if (changed.has("pins") && opened?.pin && state.pins.some(({ id }) => id === opened.pin.id)) openPin(opened.pin.id);
});
onRows(announceRows);
$("replay").addEventListener("change", (event) => setReplay(event.target.checked));
$("compose").addEventListener("click", () => compose());
$("help").addEventListener("click", showShortcuts);
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
document.addEventListener("keydown", onKeyDown);
addEventListener("hashchange", openLinked);
connect();
