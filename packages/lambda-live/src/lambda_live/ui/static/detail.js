// One row, with all that is known of it.

import { $, copyButton, h, previewed } from "./dom.js";
import { ask } from "./api.js";
import { sideBySide } from "./diff.js";
import { asHttp, bytes, called, kindOf, ms, outcome, parsed, pretty, readable, time, uncoloured, WORD } from "./format.js";
import { state } from "./state.js";

export const pane = $("detail");

export function show(...content) {
  pane.replaceChildren(...content);
  pane.hidden = false;
  pane.scrollTop = 0;
  document.body.classList.add("open");
}

export function hide() {
  pane.hidden = true;
  document.body.classList.remove("open");
}

export function section(title, content, ...more) {
  return content ? [h("h3", {}, title, h("span", { class: "gap" }), ...more), content] : [];
}

export function cutNote(body) {
  return body.cut ? h("p", { class: "warning" }, `Cut: the first 64 KB of ${bytes(body.size)} are kept.`) : null;
}

export function json(text) {
  const value = parsed(text);
  return h("pre", { tabindex: 0 }, value === undefined ? text : coloured(JSON.stringify(value, null, 2)));
}

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function coloured(text) {
  if (text.length > 100000) return [text];
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    parts.push(text.slice(at, match.index));
    const [whole, string, colon] = match;
    if (string && colon) parts.push(h("span", { class: "key" }, string), colon);
    else parts.push(h("span", { class: string ? "string" : "literal" }, whole));
    at = match.index + whole.length;
  }
  return [...parts, text.slice(at)];
}

export function answer(body) {
  const http = body.cut ? null : asHttp(body.text);
  if (http === null) return json(body.text);
  return message(http.status, http.headers, http.body, http.base64 && " (base64)");
}

export function message(status, headers, body, note) {
  const lines = headers.flatMap(([name, value]) => [h("span", { class: "name" }, `${name}: `), `${value}\n`]);
  const content = parsed(body) === undefined ? [body] : coloured(body);
  return h("pre", { tabindex: 0 }, h("span", { class: "status" }, `HTTP ${status}\n`), lines, "\n", content, note);
}

export function source(place) {
  if (!place) return null;
  const { here, there } = state.editor;
  const own = place.path.startsWith(`${here}/`);
  const path = own ? there + place.path.slice(here.length) : place.path;
  const where = own ? place.path.slice(here.length + 1) : place.path;
  const link = h("a", { href: `vscode://file${encodeURI(path)}:${place.line}`, title: "Open in VS Code" }, `${where}:${place.line}`);
  const lines = place.lines.map((text, index) =>
    h("li", { "data-number": place.first + index, class: place.first + index === place.line ? "here" : null }, text || " "));
  return h("div", { class: "source" }, link, lines.length > 0 && h("ol", { tabindex: 0 }, lines));
}

function timings(row) {
  const init = row.initMs ?? 0;
  const ahead = init > row.waitedMs; // it was loaded before anybody asked
  const waiting = Math.max(0, row.waitedMs - (ahead ? 0 : init));
  const parts = [["waiting", "Waiting", waiting], ["init", ahead ? "Init, ahead of the request" : "Init", init], ["run", "Running", row.durationMs]];
  const shown = parts.filter(([name, , value]) => value > 0 || name === "run");
  const felt = shown.filter(([name]) => name !== "init" || !ahead);
  const whole = felt.reduce((sum, [, , value]) => sum + value, 0) || 1;
  return h("div", {},
    h("div", { class: "timings", "aria-hidden": "true" }, felt.map(([name, , value]) => h("span", { class: name, style: { width: `${(value / whole) * 100}%` } }))),
    h("div", { class: "legend" }, shown.map(([name, label, value]) => h("span", { class: name }, `${label} `, h("b", {}, ms(value)))),
      h("span", { class: "memory" }, "Memory ", h("b", {}, `${row.memoryMb} of ${row.memorySizeMb} MB`))));
}

function stack(row) {
  const frames = parsed(row.answer.text)?.stackTrace;
  const told = row.place?.lines.length ? 1 : 0; // the one that is shown with the code around it
  if (!Array.isArray(frames) || frames.length <= told) return [];
  return section("Stack trace", h("pre", { tabindex: 0 }, frames.join("").trimEnd()));
}

function problem(row) {
  if (!row.errorType) return [];
  return [h("p", { class: "problem" }, `${row.errorType}: ${uncoloured(row.message)}`), source(row.place)].filter(Boolean);
}

const BOILERPLATE = /^.*LAMBDA_WARNING: Unhandled exception\..*\n?/gm;
const TOLD_ABOVE = /^\[ERROR\] .*\nTraceback \(most recent call last\):\n?(?:[^\S\n]*\n|[^\S\n].*(?:\n|$))*/gm; // indented by what breaks no line
const EVERYWHERE = new Set(["timestamp", "time", "level", "message", "msg", "location", "logger", "service", "cold_start", "requestId", "AWSRequestId",
  "function_arn", "function_name", "function_memory_size", "function_request_id", "xray_trace_id"]);

// What the function wrote, without what AWS's runtime adds to an error, which stands above it.
function log(kept) {
  const text = uncoloured(kept.text).replace(BOILERPLATE, "").replace(TOLD_ABOVE, "").trimEnd();
  if (!text) return [];
  return section("Log", h("pre", { tabindex: 0 }, text.split("\n").flatMap((line) => [...logLine(line), "\n"])), copyButton(kept.text));
}

// A record of a structured log, as its message and what is the record's alone.
function logLine(line) {
  const record = line.startsWith("{") ? parsed(line) : undefined;
  const message = record?.message ?? record?.msg ?? record?.event;
  if (message === undefined) return [line];
  const level = String(record.level ?? "").toUpperCase();
  const own = Object.entries(record).filter(([name]) => !EVERYWHERE.has(name)).map(([name, value]) => ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [h("span", { class: `level ${level}` }, level.padEnd(8)), typeof message === "string" ? message : JSON.stringify(message), h("span", { class: "name" }, own.join(""))];
}

export function invocation(row) {
  return h("article", { class: kindOf(row) },
    h("h2", {}, h("span", { class: "called" }, called(row)), h("span", { class: "outcome" }, row.errorType ? WORD[row.status] : outcome(row))),
    h("div", { class: "facts" }, h("span", {}, time(row.at)), h("span", {}, row.function), h("code", { title: "Request id" }, row.requestId), h("code", { title: "Code" }, row.code)),
    problem(row),
    row.errorType ? stack(row) : section("Answer", answer(row.answer), copyButton(row.answer.text)), cutNote(row.answer) ?? "",
    log(row.log), cutNote(row.log) ?? "",
    section("Timings", timings(row)),
    section("Event", json(row.event.text), copyButton(pretty(row.event.text))), cutNote(row.event) ?? "",
    section("Again, from a terminal", row.curl && h("pre", { tabindex: 0 }, row.curl), row.curl && copyButton(row.curl)));
}

export function reload(row) {
  const [title, word] = row.errorType ? ["The code does not load", "Failed"] : [row.first ? "Started" : "Saved", "Loaded"];
  return h("article", { class: row.errorType ? "failed" : "well" },
    h("h2", {}, title, h("span", { class: "outcome" }, word)),
    h("div", { class: "facts" }, h("span", {}, time(row.at)), h("span", {}, row.function), row.loadMs !== null && !row.errorType && h("span", {}, `loaded in ${ms(row.loadMs)}`), h("code", {}, row.code)),
    problem(row),
    row.errorType ? h("p", { class: "note-line" }, stands(row) ? "Every invocation gets this error until the code is mended." : "Another save has taken its place.") : "",
    log(row.log));
}

const stands = ({ id }) => state.functions.some((each) => each.row === id);

export function comparison(each) {
  const title = h("h3", {}, h("b", {}, called(each)), previewed(each), each.pinned && "pinned");
  if (each.whyNot) return h("div", { class: "comparison" }, title, h("p", { class: "warning" }, `Not run again. ${each.whyNot}`));
  const texts = [each.beforeRow, each.afterRow].map((row) => readable(row.answer.text));
  const titles = [["Before", each.beforeRow], ["After", each.afterRow]].map(([word, row]) => `${word} · ${row.code.slice(0, 7)} · ${ms(row.durationMs)}`);
  const error = each.afterRow.errorType ? problem(each.afterRow) : [];
  return h("div", { class: "comparison" }, title, error, sideBySide(...texts, titles));
}

export function replay(row) {
  const changed = row.comparisons.filter((each) => each.changed || each.whyNot);
  const same = row.comparisons.filter((each) => !each.changed && !each.whyNot);
  return h("article", {},
    h("h2", {}, row.changed.length ? `${row.changed.length} of ${row.count} answers changed` : "No answer changed"),
    h("div", { class: "facts" }, h("span", {}, time(row.at)), h("span", {}, row.function), h("span", {}, `run again in ${ms(row.tookMs)}`), h("code", {}, row.code)),
    changed.map(comparison),
    same.length ? [h("h3", {}, `${same.length} with the same answer`), h("ul", { class: "same-list" }, same.map((each) => h("li", {}, called(each), previewed(each))))] : []);
}

function checks(row) {
  return h("article", { class: row.succeeded ? "well" : "failed" },
    h("h2", {}, "Checks", h("span", { class: "outcome" }, row.succeeded ? "as expected" : "failed")),
    h("div", { class: "facts" }, h("span", {}, time(row.at)), h("span", {}, row.message)),
    row.text ? section("Output", h("pre", { tabindex: 0 }, row.text)) : []);
}

export function pin(one) {
  const { original, last } = one;
  return h("article", {},
    h("h2", {}, h("span", { class: "called" }, called(original)), h("span", { class: "outcome" }, "pinned")),
    h("p", { class: "note-line" }, last ? (last.changed ? "The last save changed its answer." : last.whyNot ? "" : "The last save left its answer as it was.") : "It runs again after each save, and shows here what changed."),
    last ? comparison(last) : section("Answer", answer(original.answer)),
    section("Event", json(original.event.text)));
}

export function detail(row) {
  return { invocation, reload, replay, checks, pin }[row.kind](row);
}

export const load = (id) => ask("GET", `rows/${id}`);
