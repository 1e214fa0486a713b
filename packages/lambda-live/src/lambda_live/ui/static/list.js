// The list, newest first; one row is selected, as in a mail program.

import { $, h, previewed } from "./dom.js";
import { ask } from "./api.js";
import { called, kindOf, ms, outcome, time, uncoloured, WORD } from "./format.js";
import { state, listen, listenToRows } from "./state.js";

const filter = { text: "", outcome: "all", checks: localStorage.getItem("checks") === "shown", found: null };
const nodes = new Map();
let selected = null;
let open = () => {};
const PART = 200; // rows that the document has, until somebody scrolls to more of them
let limit = PART;
let leftOut = 0; // rows that came too quickly to be told one by one

const list = $("rows");

const QUIET = { check: "check", replay: "after the save" };

function passes(row) {
  if (row.kind !== "invocation") return (filter.outcome === "all" || broke(row) === (filter.outcome === "failed")) && (!filter.text || matches(row));
  if (!filter.checks && row.source in QUIET) return false;
  const failed = Boolean(row.errorType) || row.http >= 500;
  if (filter.outcome !== "all" && failed !== (filter.outcome === "failed")) return false;
  return !filter.text || matches(row);
}

function broke(row) {
  return Boolean(row.errorType) || row.succeeded === false || row.failing > 0;
}

function matches(row) {
  const words = [row.call, row.function, row.requestId, row.errorType, row.message, row.code, row.http].join(" ").toLowerCase();
  return words.includes(filter.text) || Boolean(filter.found?.has(row.id));
}

function node(row) {
  const element = row.kind === "invocation" ? invocation(row) : note(row);
  element.id = `row-${row.id}`;
  element.dataset.id = row.id;
  element.setAttribute("role", "option");
  element.setAttribute("aria-selected", String(row.id === selected));
  nodes.set(row.id, element);
  return element;
}

function invocation(row) {
  const kind = kindOf(row);
  const said = row.errorType ? `${row.errorType}: ${uncoloured(row.message)}` : outcome(row);
  const tag = QUIET[row.source] ? h("span", { class: "tag" }, QUIET[row.source]) : named(row);
  return h("div", { class: `row invocation ${kind}` },
    glyph(kind === "failed" ? "✕" : "●", `${WORD[row.status]}, `),
    h("span", { class: "time" }, time(row.at)),
    h("span", { class: "call" }, h("b", {}, called(row)), tag, previewed(row)),
    h("span", { class: "outcome", title: row.errorType ? said : null }, outcome(row), row.errorType && row.status !== "timeout" && h("small", {}, ` ${uncoloured(row.message)}`)),
    h("span", { class: "number strong" }, ms(row.durationMs)),
    h("span", { class: "number" }, row.initMs === null ? "" : [unseen("cold start "), ms(row.initMs)]),
    h("span", { class: "number" }, `${row.memoryMb} MB`),
    h("span", { class: "sha" }, row.code.slice(0, 7)));
}

// Where there are several. Of a name that is too long its end is shown, by which those of one stack differ.
const named = (row) => state.functions.length > 1 && row.function ? h("span", { class: "tag name", title: row.function }, h("bdi", {}, row.function)) : null;

// What is read out in place of a sign, or beside a number.
const unseen = (words) => h("span", { class: "unseen" }, words);

function glyph(sign, words) {
  return h("span", { class: "glyph" }, h("span", { "aria-hidden": "true" }, sign), words && unseen(words));
}

function note(row) {
  const [sign, name, words] = { reload, replay, checks }[row.kind](row);
  return h("div", { class: `row note ${name}` },
    glyph(sign, ""), h("span", { class: "time" }, time(row.at)), named(row), h("span", {}, words),
    h("span", { class: "sha" }, (row.code ?? "").slice(0, 7)));
}

function checks(row) {
  return [row.succeeded ? "✓" : "✕", row.succeeded ? "passed" : "broken", [h("b", {}, "Checks"), ` · ${row.message}`]];
}

function reload(row) {
  if (row.errorType) return ["✕", "broken", [h("b", {}, row.first ? "The code does not load" : "Saved, and does not load"), ` · ${row.message}`]];
  const took = row.loadMs === null ? "" : ` · loaded in ${ms(row.loadMs)}`;
  return ["↻", "loaded", [h("b", {}, row.first ? "Started" : "Saved"), took]];
}

function replay(row) {
  const changed = row.changed.length;
  const again = `${row.count} run again in ${ms(row.tookMs)}`;
  const which = changed ? `: ${[...new Set(row.changed.map((call) => called({ call })))].slice(0, 3).join(", ")}` : "";
  return ["⇄", changed ? "changed" : "same", [h("b", {}, verdict(row)), `${which} · ${again}`]];
}

function verdict({ changed, failing }) {
  if (!changed.length) return "No answer changed";
  const answers = `${changed.length} ${changed.length === 1 ? "answer" : "answers"} changed`;
  return failing ? `${answers}, ${failing} to an error` : answers;
}

const passing = () => [...state.rows.values()].reverse().filter(passes);

function rebuild() {
  nodes.clear();
  limit = PART;
  list.replaceChildren(...passing().slice(0, limit).map(node));
  mark();
  count();
}

// Let the document have older rows too.
function extend(by) {
  const shown = nodes.size;
  limit = shown + by;
  list.append(...passing().slice(shown, limit).map(node));
}

function shorten() {
  limit = list.scrollTop === 0 ? PART : Math.max(limit, nodes.size);
  while (nodes.size > limit) {
    nodes.delete(Number(list.lastElementChild.dataset.id));
    list.lastElementChild.remove();
  }
}

function scrolled() {
  if (list.scrollHeight - list.scrollTop - list.clientHeight < 300 && nodes.size < passing().length) extend(PART);
}

function count() {
  const shown = passing().length;
  const all = state.rows.size;
  const none = shown === 0;
  const quick = leftOut ? ` · ${leftOut.toLocaleString()} too quick to list` : "";
  $("count").textContent = $("count").title = (shown === all ? `${all}` : `${shown} of ${all}`) + quick;
  $("empty").hidden = [...nodes.keys()].some((id) => state.rows.get(id)?.kind === "invocation");
  if (!$("empty").hidden) $("empty").replaceChildren(...nothing(all, none));
}

function nothing(all, none) {
  const invocations = [...state.rows.values()].filter((row) => row.kind === "invocation");
  if (filter.text || filter.outcome !== "all") return none || invocations.length ? [h("h2", {}, "Nothing of that kind")] : [];
  const name = state.functions[0]?.name ?? "function";
  const hidden = invocations.length ? [h("p", {}, `${invocations.length} by the checks are hidden. `, h("button", { type: "button", onclick: () => setChecks(true) }, "Show them"))] : [];
  return [
    h("h2", {}, "Nobody has called yet"),
    h("p", {}, "Send an event with ", h("kbd", {}, "s"), ", or from a terminal:"),
    h("pre", {}, `curl -d '{"message": "hello"}' ${state.url}/2015-03-31/functions/${name}/invocations`),
    ...hidden,
  ];
}

function setChecks(shown) {
  filter.checks = shown;
  $("checks").checked = shown;
  localStorage.setItem("checks", shown ? "shown" : "hidden");
  rebuild();
}

function arrived(told, gone) {
  leftOut = told.hello ? 0 : leftOut + (told.leftOut ?? 0);
  if (told.hello) { rebuild(); return; }
  if (!told.rows && !gone.length) return;
  for (const id of gone) { nodes.get(id)?.remove(); nodes.delete(id); }
  const fresh = (told.rows ?? []).filter(passes).map(node).reverse();
  if (fresh.length < 4) for (const each of fresh) each.classList.add("new");
  list.prepend(...fresh);
  shorten();
  if (!nodes.has(selected)) list.removeAttribute("aria-activedescendant");
  count();
}

// A row that is shown again after it was hidden keeps its place: it is scrolled to only when asked.
function mark(scroll = false) {
  for (const element of list.querySelectorAll('[aria-selected="true"]')) element.setAttribute("aria-selected", "false");
  const element = nodes.get(selected);
  if (!element) { list.removeAttribute("aria-activedescendant"); return; }
  element.setAttribute("aria-selected", "true");
  list.setAttribute("aria-activedescendant", element.id);
  if (scroll) element.scrollIntoView({ block: "nearest" });
}

export function select(id) {
  selected = id;
  mark(true);
}

export const selection = () => state.rows.get(selected);

export function move(by) {
  const current = nodes.get(selected);
  if (current && by > 0 && !current.nextElementSibling) extend(PART);
  const next = !current ? list.firstElementChild : by > 0 ? current.nextElementSibling : current.previousElementSibling;
  if (!next) return null;
  select(Number(next.dataset.id));
  return selected;
}

export function toEnd(newest) {
  if (!newest) extend(Infinity);
  const element = newest ? list.firstElementChild : list.lastElementChild;
  if (element) select(Number(element.dataset.id));
}

export const toggleChecks = () => setChecks(!filter.checks);

let searching = 0;
function search() {
  clearTimeout(searching);
  filter.text = $("text").value.trim().toLowerCase();
  filter.found = null;
  rebuild();
  if (filter.text.length < 2) return;
  searching = setTimeout(async () => {
    const asked = filter.text;
    const found = await ask("GET", `search?q=${encodeURIComponent(asked)}`).catch(() => []);
    if (asked !== filter.text) return;
    filter.found = new Set(found);
    rebuild();
  }, 150);
}

function showRunning() {
  const running = state.running.filter(({ source }) => filter.checks || !(source in QUIET));
  $("running").hidden = !running.length;
  $("running").replaceChildren(...running.slice(0, 5).map((row) =>
    h("div", {}, h("span", { class: "glyph" }, "◌"), `${called(row)} is running`, h("time", {}, `for ${ms(Date.now() - row.at)}`))),
    ...(running.length > 5 ? [h("div", {}, h("span", { class: "glyph" }), `and ${running.length - 5} more`)] : []));
}

function showPins(openPin) {
  $("pins").hidden = !state.pins.length;
  $("pins").replaceChildren(...state.pins.map(({ id, row, last }) =>
    h("button", { type: "button", "data-pin": id, onclick: () => openPin(id) },
      h("span", { class: "glyph" }, "◆"), h("b", {}, called(row)), previewed(row), h("span", {}, outcome(row)), pinned(last))));
}

function pinned(last) {
  if (!last) return h("span", { class: "same" }, "runs again at the next save");
  if (last.whyNot) return h("span", { class: "changed" }, last.whyNot);
  return last.changed ? h("span", { class: "changed" }, "changed by the last save") : h("span", { class: "same" }, "same after the last save");
}

export function showList({ onOpen, onOpenPin }) {
  open = onOpen;
  $("checks").checked = filter.checks;
  $("checks").addEventListener("change", (event) => setChecks(event.target.checked));
  $("text").addEventListener("input", search);
  for (const button of document.querySelectorAll("[data-outcome]")) {
    button.addEventListener("click", () => {
      filter.outcome = button.dataset.outcome;
      for (const each of document.querySelectorAll("[data-outcome]")) each.setAttribute("aria-pressed", String(each === button));
      rebuild();
    });
  }
  list.addEventListener("click", (event) => {
    const element = event.target.closest(".row");
    if (!element) return;
    select(Number(element.dataset.id));
    open(selected);
  });
  list.addEventListener("scroll", scrolled);
  listenToRows(arrived);
  listen((changed) => {
    if (changed.has("running")) showRunning();
    if (changed.has("pins")) showPins(onOpenPin);
  });
}

export function onlyFailed() {
  const next = filter.outcome === "failed" ? "all" : "failed";
  document.querySelector(`[data-outcome=${next}]`).click();
}
