// The list of rows, newest first. One row is selected, as in a mail program.

import { $, h, previewOf } from "./dom.js";
import { request } from "./api.js";
import { filter, HIDDEN_CLIENTS, passes } from "./filter.js";
import { formatMs, formatTime, labelOf, loadText, outcomeOf, outcomeText, outcomeWords, reasonOf } from "./format.js";
import { updateFilter } from "./route.js";
import { state, onChange, onRows } from "./state.js";

const PAGE_SIZE = 200; // rows that are added to the document at once
const MAX_ANIMATED_ROWS = 3;
const MAX_RUNNING = 5;
const MIN_SEARCH_LENGTH = 2;
const SEARCH_DELAY_MS = 150;

const list = $("rows");
const nodes = new Map(); // the elements of the rows in the document, by id
let selected = null;
let openRow = () => {};
let limit = PAGE_SIZE;
let omitted = 0; // rows that arrived too quickly to be sent

function node(row) {
  const element = row.kind === "invocation" ? invocationRow(row) : noteRow(row);
  element.id = `row-${row.id}`;
  element.dataset.id = row.id;
  element.setAttribute("role", "option");
  element.setAttribute("aria-selected", String(row.id === selected));
  nodes.set(row.id, element);
  return element;
}

function invocationRow(row) {
  const kind = outcomeOf(row);
  const reason = reasonOf(row);
  const outcomeTitle = reason ? `${outcomeText(row)}: ${reason}` : null;
  const again = row.attempt > 1 && h("span", { class: "tag attempt", title: `attempt ${row.attempt}` }, h("i", {}, "attempt "), row.attempt);
  const tag = HIDDEN_CLIENTS[row.client] ? h("span", { class: "tag" }, HIDDEN_CLIENTS[row.client]) : functionTag(row);
  return h("div", { class: `row invocation ${kind}` },
    glyph(kind === "failed" ? "✕" : "●", `${outcomeWords(row)}, `),
    h("span", { class: "time" }, formatTime(row.timestamp)),
    h("span", { class: "label" }, h("b", {}, labelOf(row)), again, tag, previewOf(row)),
    h("span", { class: "outcome", title: outcomeTitle }, outcomeText(row), reason && row.status !== "timeout" && h("small", {}, ` ${reason}`)),
    h("span", { class: "number strong" }, formatMs(row.durationMs)),
    h("span", { class: "number" }, row.initMs === null ? "" : [visuallyHidden("cold start "), formatMs(row.initMs)]),
    h("span", { class: "number" }, `${row.memoryMb} MB`),
    h("span", { class: "sha" }, row.shortSha.slice(0, 7)));
}

// Shown if there is more than one function. A long name is cut at its start: the names of a stack differ at the end.
const functionTag = (row) => state.functions.length > 1 && row.function ? h("span", { class: "tag name", title: row.function }, h("bdi", {}, row.function)) : null;

// Text for screen readers only.
const visuallyHidden = (text) => h("span", { class: "visually-hidden" }, text);

function glyph(sign, text) {
  return h("span", { class: "glyph" }, h("span", { "aria-hidden": "true" }, sign), text && visuallyHidden(text));
}

function noteRow(row) {
  const [sign, name, content] = { reload: reloadNote, replay: replayNote, checks: checksNote }[row.kind](row);
  return h("div", { class: `row note ${name}` },
    glyph(sign, ""), h("span", { class: "time" }, formatTime(row.timestamp)), functionTag(row), h("span", {}, content),
    h("span", { class: "sha" }, (row.shortSha ?? "").slice(0, 7)));
}

function checksNote(row) {
  return [row.succeeded ? "✓" : "✕", row.succeeded ? "passed" : "failed", [h("b", {}, "Checks"), ` · ${row.message}`]];
}

function reloadNote(row) {
  if (row.errorType) return ["✕", "failed", [h("b", {}, row.isFirst ? "Code does not load" : "Saved, but does not load"), ` · ${row.message}`]];
  return ["↻", "loaded", [h("b", {}, row.isFirst ? "Started" : "Saved"), ` · ${loadText(row)}`]];
}

function replayNote(row) {
  const changed = row.changedLabels.length > 0;
  const labels = changed ? `: ${[...new Set(row.changedLabels.map((label) => labelOf({ label })))].slice(0, 3).join(", ")}` : "";
  return ["⇄", changed ? "changed" : "unchanged", [h("b", {}, replaySummary(row)), `${labels} · ${row.count} replayed in ${formatMs(row.elapsedMs)}`]];
}

function replaySummary({ changedLabels, failedCount }) {
  const count = changedLabels.length;
  if (!count) return "No response changed";
  const changed = `${count} ${count === 1 ? "response" : "responses"} changed`;
  return failedCount ? `${changed}, ${failedCount} now ${failedCount === 1 ? "fails" : "fail"}` : changed;
}

const passing = () => [...state.rows.values()].reverse().filter(passes);

function rebuild() {
  nodes.clear();
  limit = PAGE_SIZE;
  list.replaceChildren(...passing().slice(0, limit).map(node));
  markSelected();
  showCount();
}

// Adds older rows to the document.
function extend(by) {
  const shown = nodes.size;
  limit = shown + by;
  list.append(...passing().slice(shown, limit).map(node));
}

// Removes rows above the limit, unless somebody has scrolled to them.
function shorten() {
  limit = list.scrollTop === 0 ? PAGE_SIZE : Math.max(limit, nodes.size);
  while (nodes.size > limit) {
    nodes.delete(Number(list.lastElementChild.dataset.id));
    list.lastElementChild.remove();
  }
}

function onScroll() {
  if (list.scrollHeight - list.scrollTop - list.clientHeight < 300 && nodes.size < passing().length) extend(PAGE_SIZE);
}

function showCount() {
  const shown = passing().length;
  const total = state.rows.size;
  const more = omitted ? ` · ${omitted.toLocaleString()} omitted` : "";
  const part = isFiltered() ? `${shown} of ${total}` : `${shown} · ${total - shown} hidden`;
  $("count").textContent = (shown === total ? `${total}` : part) + more;
  $("count").title = filter.checks ? $("count").textContent : `${$("count").textContent}; the switch Checks shows checks and replays`;
  $("empty").hidden = [...nodes.keys()].some((id) => state.rows.get(id)?.kind === "invocation");
  if (!$("empty").hidden) $("empty").replaceChildren(...emptyState(shown === 0));
}

const isFiltered = () => filter.text || filter.outcome !== "all" || filter.function;

function emptyState(nothingShown) {
  const invocations = [...state.rows.values()].filter((row) => row.kind === "invocation");
  if (isFiltered()) {
    const clear = h("button", { type: "button", onclick: clearFilter }, "Clear filter");
    return nothingShown || invocations.length ? [h("h2", {}, "No invocations match this filter"), clear] : [];
  }
  const name = state.functions[0]?.name ?? "function";
  const count = invocations.length;
  const hidden = count ? [h("p", {}, `${count} check ${count === 1 ? "run" : "runs"} hidden. `, h("button", { type: "button", onclick: () => setChecks(true) }, "Show"))] : [];
  return [
    h("h2", {}, "No invocations yet"),
    h("p", {}, "Press ", h("b", {}, "Send event"), ", or use a terminal:"),
    h("pre", {}, `curl -d '{"message": "hello"}' ${state.url}/2015-03-31/functions/${name}/invocations`),
    ...hidden,
  ];
}

const clearFilter = () => setFilter({});

// Shows a filter, such as that of a URL.
export function setFilter({ text = "", outcome = "all", function: name = "" }) {
  const isNewText = text !== filter.text;
  Object.assign(filter, { text: text.toLowerCase(), function: name, found: isNewText ? null : filter.found });
  if ($("text").value.trim().toLowerCase() !== filter.text) $("text").value = text;
  $("function").value = name;
  setOutcome(outcome);
  if (isNewText && filter.text) search();
}

function setOutcome(outcome) {
  filter.outcome = outcome;
  for (const each of document.querySelectorAll("[data-outcome]")) each.setAttribute("aria-pressed", String(each.dataset.outcome === outcome));
  updateFilter();
  rebuild();
}

export function setFunction(name) {
  filter.function = name;
  updateFilter();
  rebuild();
}

// Offers the functions as a filter if there is more than one.
function showFunctionFilter() {
  const names = state.functions.map(({ name }) => name);
  $("function").hidden = names.length < 2;
  $("function").replaceChildren(h("option", { value: "" }, "All functions"), ...names.map((name) => h("option", { value: name }, name)));
  $("function").value = filter.function;
}

function setChecks(shown) {
  filter.checks = shown;
  $("checks").checked = shown;
  localStorage.setItem("checks", shown ? "shown" : "hidden");
  rebuild();
}

// Shows a row whose fields changed, such as a check's invocation after the check. The filter may now show or hide it.
function replaceNode(row) {
  const old = nodes.get(row.id);
  const next = old ?? [...list.children].find((each) => Number(each.dataset.id) < row.id) ?? null;
  if (passes(row) && (next || nodes.size < limit)) list.insertBefore(node(row), next);
  else nodes.delete(row.id);
  old?.remove();
}

let newestId = 0;

function addRows(message, removed) {
  if (message.snapshot) newestId = Math.max(0, ...state.rows.keys());
  omitted = message.snapshot ? 0 : omitted + (message.omitted ?? 0);
  if (message.snapshot) { rebuild(); return; }
  if (!message.rows && !removed.length) return;
  for (const id of removed) { nodes.get(id)?.remove(); nodes.delete(id); }
  const rows = message.rows ?? [];
  for (const row of rows.filter(({ id }) => id <= newestId)) replaceNode(row);
  const fresh = rows.filter((row) => row.id > newestId && passes(row)).map(node).reverse();
  newestId = Math.max(newestId, ...rows.map(({ id }) => id));
  if (fresh.length <= MAX_ANIMATED_ROWS) for (const each of fresh) each.classList.add("new");
  list.prepend(...fresh);
  shorten();
  if (!nodes.has(selected)) list.removeAttribute("aria-activedescendant");
  showCount();
}

// Marks the selected row. A row that reappears after a filter is not scrolled to.
function markSelected(scroll = false) {
  for (const element of list.querySelectorAll('[aria-selected="true"]')) element.setAttribute("aria-selected", "false");
  const element = nodes.get(selected);
  if (!element) { list.removeAttribute("aria-activedescendant"); return; }
  element.setAttribute("aria-selected", "true");
  list.setAttribute("aria-activedescendant", element.id);
  if (scroll) element.scrollIntoView({ block: "nearest" });
}

export function select(id) {
  selected = id;
  markSelected(true);
}

export const selectedRow = () => state.rows.get(selected);

export function moveSelection(by) {
  const current = nodes.get(selected);
  if (current && by > 0 && !current.nextElementSibling) extend(PAGE_SIZE);
  const next = !current ? list.firstElementChild : by > 0 ? current.nextElementSibling : current.previousElementSibling;
  if (!next) return null;
  select(Number(next.dataset.id));
  return selected;
}

export function selectNewest() {
  if (list.firstElementChild) select(Number(list.firstElementChild.dataset.id));
}

export function selectOldest() {
  extend(Infinity);
  if (list.lastElementChild) select(Number(list.lastElementChild.dataset.id));
}

export const toggleChecks = () => setChecks(!filter.checks);

export const toggleFailed = () => setOutcome(filter.outcome === "failed" ? "all" : "failed");

// The page filters by what it has of each row at once; the service searches the bodies.
let searchTimer = 0;
function search() {
  clearTimeout(searchTimer);
  filter.text = $("text").value.trim().toLowerCase();
  filter.found = null;
  updateFilter();
  rebuild();
  if (filter.text.length < MIN_SEARCH_LENGTH) return;
  searchTimer = setTimeout(async () => {
    const text = filter.text;
    const found = await request("GET", `search?q=${encodeURIComponent(text)}`).catch(() => []);
    if (text !== filter.text) return;
    filter.found = new Set(found);
    rebuild();
  }, SEARCH_DELAY_MS);
}

function showRunning() {
  const running = state.running.filter(({ client }) => filter.checks || !(client in HIDDEN_CLIENTS));
  const rows = running.slice(0, MAX_RUNNING).map((row) => runningRow(`${labelOf(row)} is running`, Date.now() - row.timestamp));
  if (running.length > MAX_RUNNING) rows.push(h("div", {}, h("span", { class: "glyph" }), `and ${running.length - MAX_RUNNING} more`));
  const checks = state.checkProgress;
  if (checks?.total) rows.unshift(runningRow(`Checks: ${checks.done} of ${checks.total} done, waiting for ${checks.event}`, checks.seconds * 1000));
  $("running").hidden = !rows.length;
  $("running").replaceChildren(...rows);
}

const runningRow = (text, elapsedMs) => h("div", {}, h("span", { class: "glyph" }, "◌"), text, h("time", {}, `for ${formatMs(elapsedMs)}`));

function showPins(onOpenPin) {
  $("pins").hidden = !state.pins.length;
  $("pins").replaceChildren(...state.pins.map(({ id, row, lastComparison }) =>
    h("button", { type: "button", "data-pin": id, onclick: () => onOpenPin(id) },
      h("span", { class: "glyph" }, "◆"), h("b", {}, labelOf(row)), previewOf(row), h("span", {}, outcomeText(row)), pinStatus(lastComparison))));
}

function pinStatus(lastComparison) {
  if (!lastComparison) return h("span", { class: "unchanged" }, "reruns after the next save");
  if (lastComparison.skipReason) return h("span", { class: "changed" }, lastComparison.skipReason);
  return lastComparison.changed ? h("span", { class: "changed" }, "changed by the last save") : h("span", { class: "unchanged" }, "unchanged by the last save");
}

export function showList({ onOpen, onOpenPin }) {
  openRow = onOpen;
  $("checks").checked = filter.checks;
  $("checks").addEventListener("change", (event) => setChecks(event.target.checked));
  $("text").addEventListener("input", search);
  $("function").addEventListener("change", (event) => setFunction(event.target.value));
  for (const button of document.querySelectorAll("[data-outcome]")) button.addEventListener("click", () => setOutcome(button.dataset.outcome));
  list.addEventListener("click", (event) => {
    const element = event.target.closest(".row");
    if (!element) return;
    select(Number(element.dataset.id));
    openRow(selected);
  });
  list.addEventListener("scroll", onScroll);
  onRows(addRows);
  onChange((changed) => {
    if (changed.has("running") || changed.has("checkProgress")) showRunning();
    if (changed.has("pins")) showPins(onOpenPin);
    if (changed.has("functions")) showFunctionFilter();
  });
}
