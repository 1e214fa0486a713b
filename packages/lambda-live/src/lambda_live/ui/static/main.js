// The page: the opened row, the keyboard shortcuts, and the announcements for screen readers.

import { $, h, termList } from "./dom.js";
import { request } from "./api.js";
import { showCharts } from "./charts.js";
import { detailView, hide, loadRow, pane, show } from "./detail.js";
import { functionsView } from "./functions.js";
import { resourcesView } from "./resources.js";
import { navigate, onRoute, readRoute } from "./route.js";
import { saveAsCheckDialog } from "./save_check.js";
import { moveSelection, select, selectedRow, selectNewest, selectOldest, setFilter, setFunction, showList, toggleChecks, toggleFailed } from "./list.js";
import { outcomeWords } from "./format.js";
import { composer } from "./send.js";
import { connect, onChange, onRows, state } from "./state.js";

// c, a, i and r do the same as in the terminal. x, which resets AWS resources there, does nothing here.
const SHORTCUTS = [
  ["j k", "next, previous"], ["Enter", "open"], ["u Esc", "back to the list"], ["t", "rerun"], ["e", "edit and send"],
  ["p", "pin: rerun after each save"], ["s", "save as check"], ["i", "send an event"], ["c", "run the checks"], ["a", "accept the responses that the opened checks show"],
  ["r", "replay after save on or off"], ["l", "functions"], ["d", "resources (data)"], ["/", "filter"], ["f", "failed only"], ["h", "show or hide checks"], ["g G", "newest, oldest"], ["?", "show shortcuts"],
];

const NOTICE_MS = 5000;
const MAX_FUNCTION_BUTTONS = 4; // above this number, functions are summarised

let latestRequest = 0; // responses of older requests are ignored
let opened = null; // what the pane shows: {row}, {row, pin}, or {} for the composer

function announce(text) {
  $("announcement").textContent = text;
}

function showError(error) {
  const bar = pane.hidden ? null : pane.querySelector(".bar");
  if (!bar) { notify(error.message); return; }
  announce(error.message);
  bar.after(h("p", { class: "problem", role: "alert" }, error.message));
}

// Announces a text, and shows it for a moment.
let noticeTimer;
function notify(text) {
  announce(text);
  $("announcement").className = "notice";
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { $("announcement").className = "visually-hidden"; }, NOTICE_MS);
}

// `reason` says why the button is disabled, if it is.
function actionButton(name, key, run, reason = "") {
  return h("button", { type: "button", onclick: () => run(), disabled: Boolean(reason), title: reason || null, "aria-keyshortcuts": key }, `${name} `, h("kbd", {}, key));
}

function actionBar(row, pin) {
  const buttons = [actionButton("Back", "u", close), h("span", { class: "spacer" })];
  if (row?.kind === "invocation") {
    const { truncated } = row.event;
    buttons.push(actionButton("Rerun", "t", rerun), actionButton("Edit", "e", edit));
    if (!pin) {
      buttons.push(actionButton("Pin", "p", togglePin, truncated && "Only an event of at most 64 KB can be pinned."),
        actionButton("Save as check", "s", saveAsCheck, row.errorType && "A failed invocation can't be a check."));
    }
  }
  if (row?.kind === "checks") {
    if (state.canCheck) buttons.push(actionButton("Run checks", "c", runChecks));
    if (row.canAccept) buttons.push(actionButton("Accept", "a", accept));
  }
  if (pin) buttons.push(actionButton("Unpin", "p", togglePin));
  return h("div", { class: "bar" }, buttons);
}

// Loads a view and shows it, unless another one was requested meanwhile.
async function load(path, replace, find, render) {
  const number = latestRequest += 1;
  try {
    const found = await find();
    if (number !== latestRequest) return;
    navigate(path, { replace });
    render(found);
  } catch (error) {
    if (replace && number === latestRequest) showMissing(error);
    else showError(error);
  }
}

function showRow(row) {
  opened = { row };
  show(actionBar(row), detailView(row));
}

function showMissing(error) {
  opened = {};
  show(actionBar(), h("p", { class: "problem", role: "alert" }, error.message));
}

const open = (id, { replace = false } = {}) => load(`rows/${id}`, replace, () => loadRow(id), showRow);

const openPin = (id, { replace = false } = {}) => load(`pins/${id}`, replace, () => request("GET", `pins/${id}`), (pin) => {
  opened = { pin, row: pin.original };
  show(actionBar(pin.original, pin), detailView(pin));
});

function openFunctions({ replace = false } = {}) {
  const onSend = (name, sample) => compose({ function: name, sample });
  const onFilter = (name) => { setFunction(name); close(); };
  return load("functions", replace, () => functionsView({ onSend, onFilter }), (view) => {
    opened = { isFunctions: true };
    show(actionBar(), view);
  });
}

async function openResources(id = "", { replace = false } = {}) {
  if (!state.hasResources) { notify("The template has no queues, tables, buckets or other resources."); return; }
  await load(id ? `resources/${encodeURIComponent(id)}` : "resources", replace, resourcesView, (view) => {
    opened = {};
    show(actionBar(), view);
    if (id) document.getElementById(`resource-${id}`)?.scrollIntoView();
  });
}

// Opens what the URL names: after a reload, after back, and from a link.
async function openRoute({ view, id, filter }) {
  setFilter(filter);
  const how = { replace: true };
  if (view === "rows") { select(Number(id)); await open(Number(id), how); }
  else if (view === "pins") await openPin(Number(id), how);
  else if (view === "functions") await openFunctions(how);
  else if (view === "resources") await openResources(id, how);
  else if (view === "send") await (id ? editRow(Number(id), how) : compose(null, how));
  else if (view === "request") openRequest(id);
  else if (opened) closePane();
}

function openRequest(requestId) {
  const row = [...state.rows.values()].reverse().find((each) => each.requestId === requestId);
  if (row) { select(row.id); open(row.id, { replace: true }); }
  else showMissing(new Error("This invocation is no longer in the history."));
}

function closePane() {
  latestRequest += 1;
  opened = null;
  hide();
  $("rows").focus();
}

function close() {
  closePane();
  navigate("");
}

const currentRow = () => opened?.row ?? selectedRow();

async function rerun() {
  const row = currentRow();
  if (row?.kind !== "invocation") return;
  try {
    const result = await request("POST", `rows/${row.id}/rerun`);
    if (opened) { navigate(`rows/${result.id}`); showRow(result); }
    select(result.id);
    announce(`Rerun: ${outcomeWords(result)}`);
  } catch (error) {
    showError(error);
  }
}

async function edit() {
  const row = currentRow();
  if (row?.kind !== "invocation") return;
  await editRow(row.id);
}

// Edits the event of an earlier invocation, as a whole even if the page has only its start.
async function editRow(id, how) {
  try {
    const detail = await loadRow(id);
    const text = detail.event.truncated ? await eventText(id) : detail.event.text;
    compose({ id, text, label: detail.label, function: detail.function, tenantId: detail.tenantId ?? undefined }, how);
  } catch (error) {
    showError(error);
  }
}

async function eventText(id) {
  const response = await fetch(`/api/rows/${id}/event`);
  if (!response.ok) throw new Error((await response.json()).message);
  return response.text();
}

async function compose(initial, { replace = false } = {}) {
  latestRequest += 1;
  opened = {};
  navigate(initial?.id ? `send/${initial.id}` : "send", { replace });
  await composer({ bar: actionBar(), initial, onSent: (row) => { opened = row ? { row } : {}; pane.querySelector(".bar").replaceWith(actionBar(row)); } });
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

async function runChecks() {
  if (!state.canCheck) { notify("Start the service with --after-reload 'lambda-live check' to run checks."); return; }
  await request("POST", "checks").catch(showError);
}

// Saves the responses that the opened result of the checks shows as the expected ones.
async function accept() {
  if (!opened?.row?.canAccept) { notify("Open a failed result of the checks to accept its responses."); return; }
  try {
    await request("POST", `rows/${opened.row.id}/accept`);
    notify("Accepted. The checks run again.");
  } catch (error) {
    showError(error);
  }
}

function showCheckButton() {
  $("run-checks").hidden = !state.canCheck;
  $("run-checks").disabled = Boolean(state.checkProgress);
  $("run-checks").textContent = state.checkProgress ? "Checks running …" : "Run checks";
}

async function setReplay(enabled) {
  await request("PUT", "replay", { enabled }).catch(showError);
}

function showShortcuts() {
  $("shortcuts").replaceChildren(h("h2", {}, "Keyboard shortcuts"),
    h("dl", {}, termList(SHORTCUTS.map(([keys, what]) => [keys.split(" ").map((key) => [h("kbd", {}, key), " "]), what]))));
  $("shortcuts").showModal();
}

function step(by) {
  const id = moveSelection(by);
  if (id !== null && opened?.row) open(id, { replace: true });
}

const openSelected = () => selectedRow() && open(selectedRow().id);

const KEYS = {
  j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1), Enter: openSelected,
  u: close, Escape: close, t: rerun, e: edit, p: togglePin, s: saveAsCheck, i: () => compose(), c: runChecks, a: accept, l: () => openFunctions(), d: () => openResources(),
  "/": () => $("text").focus(), f: toggleFailed, h: toggleChecks, r: () => setReplay(!state.replay),
  g: selectNewest, G: selectOldest, Home: selectNewest, End: selectOldest, "?": showShortcuts,
};

function onKeyDown(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const isTyping = event.target.matches("input[type=search], input[type=text], textarea, select");
  if (isTyping) {
    if (event.key !== "Escape") return;
    if (event.target.closest("#detail")) close();
    else event.target.blur();
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
    $("code").replaceChildren(...[...failed, ...others].flatMap(functionButtons));
    return;
  }
  const single = failed.length === 1 ? failed : [];
  const groups = [[failed.slice(single.length), "failed", "do not load"], [others, "loaded", "live"]].filter(([group]) => group.length);
  $("code").replaceChildren(...single.flatMap(functionButtons), ...groups.map(([group, kind, text]) =>
    h("button", { type: "button", class: `all ${kind}`, onclick: () => open(group[0].rowId) }, h("span", { class: "dot" }), `${group.length} ${text}`)));
}

function functionButtons(each) {
  const { name, state: codeState, message, location, rowId, shortSha } = each;
  const tag = state.functions.length > 1 && h("span", { class: "name" }, `${name} `);
  const place = location ? `: ${location.path.split("/").at(-1)}:${location.line}` : "";
  const text = { loading: "loading", loaded: "live ", failed: `does not load${place}` }[codeState];
  const isLoaded = codeState === "loaded";
  const packages = { installing: "installing packages", failed: "packages not installed" }[each.packages];
  return [
    h("button", { type: "button", class: codeState, title: message ?? (tag ? name : null), onclick: () => rowId && open(rowId) },
      h("span", { class: "dot" }), tag, h("span", { class: tag && isLoaded ? "visually-hidden" : "words" }, text), isLoaded && h("code", {}, shortSha.slice(0, 7))),
    packages && h("button", { type: "button", class: each.packages === "failed" ? "failed" : "loading", title: each.packagesMessage || null, onclick: () => openFunctions() },
      h("span", { class: "dot" }), h("span", { class: "words" }, packages)),
  ].filter(Boolean);
}

let isOpened = false; // whether the URL that the page was opened with is shown

function announceRows(message) {
  if (message.snapshot) {
    if (!isOpened) openRoute(readRoute());
    isOpened = true;
    return;
  }
  for (const row of message.rows ?? []) {
    if (row.kind === "reload") announce(row.errorType ? `Code does not load: ${row.message}` : "Saved and loaded");
    if (row.kind === "checks") announce(`Checks ${row.succeeded ? "succeeded" : `failed: ${row.message}`}`);
    if (row.kind === "replay" && row.changedLabels.length) announce(`${row.changedLabels.length} ${row.changedLabels.length === 1 ? "response" : "responses"} changed`);
  }
}

showCharts();
showList({ onOpen: (id) => open(id), onOpenPin: (id) => openPin(id) });
onChange((changed) => {
  if (changed.has("functions") || changed.has("connected")) showFunctions();
  if (changed.has("functions") && opened?.row?.kind === "reload") showRow(opened.row);
  if (changed.has("functions") && opened?.isFunctions) openFunctions({ replace: true });
  if (changed.has("checkProgress") || changed.has("snapshot")) showCheckButton();
  if (changed.has("snapshot")) $("show-resources").hidden = !state.hasResources;
  if (changed.has("replay")) $("replay").checked = state.replay;
  if (changed.has("pins") && opened?.pin && state.pins.some(({ id }) => id === opened.pin.id)) openPin(opened.pin.id, { replace: true });
});
onRows(announceRows);
$("replay").addEventListener("change", (event) => setReplay(event.target.checked));
$("run-checks").addEventListener("click", runChecks);
$("show-functions").addEventListener("click", () => openFunctions());
$("show-resources").addEventListener("click", () => openResources());
$("compose").addEventListener("click", () => compose());
$("help").addEventListener("click", showShortcuts);
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
document.addEventListener("keydown", onKeyDown);
onRoute(openRoute);
connect();
