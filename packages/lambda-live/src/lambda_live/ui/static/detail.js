// The details of one row.

import { $, copyButton, h, previewOf } from "./dom.js";
import { request } from "./api.js";
import { sideBySide } from "./diff.js";
import { comparableText, formatMs, formatSize, formatTime, labelOf, outcomeClass, outcomeText, parseJson, parseProxyResponse, pretty, STATUS_TEXT, stripColors } from "./format.js";
import { state } from "./state.js";

const MAX_HIGHLIGHTED_CHARACTERS = 100000;

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
  return content ? [h("h3", {}, title, h("span", { class: "spacer" }), ...more), content] : [];
}

export function truncationNote(body) {
  return body.truncated ? h("p", { class: "warning" }, `Truncated: showing 64 KB of ${formatSize(body.size)}.`) : null;
}

function json(text) {
  const value = parseJson(text);
  return h("pre", { tabindex: 0 }, value === undefined ? text : highlight(JSON.stringify(value, null, 2)));
}

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function highlight(text) {
  if (text.length > MAX_HIGHLIGHTED_CHARACTERS) return [text];
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

function responseBody(body) {
  const http = body.truncated ? null : parseProxyResponse(body.text);
  if (http === null) return json(body.text);
  return httpMessage(http.status, http.headers, http.body, http.base64 && " (base64)");
}

export function httpMessage(status, headers, body, note) {
  const lines = headers.flatMap(([name, value]) => [h("span", { class: "name" }, `${name}: `), `${value}\n`]);
  const content = parseJson(body) === undefined ? [body] : highlight(body);
  return h("pre", { tabindex: 0 }, h("span", { class: "status" }, `HTTP ${status}\n`), lines, "\n", content, note);
}

function sourceView(location) {
  if (!location) return null;
  const { project, editorRoot } = state.editor;
  const inProject = location.path.startsWith(`${project}/`);
  const path = inProject ? editorRoot + location.path.slice(project.length) : location.path;
  const shown = inProject ? location.path.slice(project.length + 1) : location.path;
  const link = h("a", { href: `vscode://file${encodeURI(path)}:${location.line}`, title: "Open in VS Code" }, `${shown}:${location.line}`);
  const lines = location.lines.map((text, index) =>
    h("li", { "data-number": location.firstLine + index, class: location.firstLine + index === location.line ? "error-line" : null }, text || " "));
  return h("div", { class: "source" }, link, lines.length > 0 && h("ol", { tabindex: 0 }, lines));
}

function timings(row) {
  const init = row.initMs ?? 0;
  const preWarmed = init > row.waitedMs; // the environment started before the request arrived
  const waiting = Math.max(0, row.waitedMs - (preWarmed ? 0 : init));
  const parts = [["waiting", "Waiting", waiting], ["init", preWarmed ? "Init (pre-warmed)" : "Init", init], ["run", "Running", row.durationMs]];
  const shown = parts.filter(([name, , value]) => value > 0 || name === "run");
  const inBar = shown.filter(([name]) => name !== "init" || !preWarmed);
  const total = inBar.reduce((sum, [, , value]) => sum + value, 0) || 1;
  return h("div", {},
    h("div", { class: "timings", "aria-hidden": "true" }, inBar.map(([name, , value]) => h("span", { class: name, style: { width: `${(value / total) * 100}%` } }))),
    h("div", { class: "legend" }, shown.map(([name, label, value]) => h("span", { class: name }, `${label} `, h("b", {}, formatMs(value)))),
      h("span", { class: "memory" }, "Memory ", h("b", {}, `${row.memoryMb} of ${row.memorySizeMb} MB`))));
}

function stackTrace(row) {
  const frames = parseJson(row.response.text)?.stackTrace;
  const alreadyShown = row.location?.lines.length ? 1 : 0; // the source view shows the innermost frame
  if (!Array.isArray(frames) || frames.length <= alreadyShown) return [];
  return section("Stack trace", h("pre", { tabindex: 0 }, frames.join("").trimEnd()));
}

function errorView(row) {
  if (!row.errorType) return [];
  return [h("p", { class: "problem" }, `${row.errorType}: ${stripColors(row.message)}`), sourceView(row.location)].filter(Boolean);
}

const WARNING = /^.*LAMBDA_WARNING: Unhandled exception\..*\n?/gm;
const TRACEBACK = /^\[ERROR\] .*\nTraceback \(most recent call last\):\n?(?:[^\S\n]*\n|[^\S\n].*(?:\n|$))*/gm; // its lines are indented by space that is no line break
const COMMON_FIELDS = new Set(["timestamp", "time", "level", "message", "msg", "location", "logger", "service", "cold_start", "requestId", "AWSRequestId",
  "function_arn", "function_name", "function_memory_size", "function_request_id", "xray_trace_id"]);

// The function's log without the lines that AWS's runtime adds for an error: the page shows the error above.
function log(body) {
  const text = stripColors(body.text).replace(WARNING, "").replace(TRACEBACK, "").trimEnd();
  if (!text) return [];
  return section("Log", h("pre", { tabindex: 0 }, text.split("\n").flatMap((line) => [...logLine(line), "\n"])), copyButton(body.text));
}

// A structured log record: its level, its message, and the fields that not every record has.
function logLine(line) {
  const record = line.startsWith("{") ? parseJson(line) : undefined;
  const message = record?.message ?? record?.msg ?? record?.event;
  if (message === undefined) return [line];
  const level = String(record.level ?? "").toUpperCase();
  const fields = Object.entries(record).filter(([name]) => !COMMON_FIELDS.has(name)).map(([name, value]) => ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [h("span", { class: `level ${level}` }, level.padEnd(8)), typeof message === "string" ? message : JSON.stringify(message), h("span", { class: "name" }, fields.join(""))];
}

export function invocationView(row) {
  return h("article", { class: outcomeClass(row) },
    h("h2", {}, h("span", { class: "label" }, labelOf(row)), h("span", { class: "outcome" }, row.errorType ? STATUS_TEXT[row.status] : outcomeText(row))),
    h("div", { class: "meta" }, h("span", {}, formatTime(row.timestamp)), h("span", {}, row.function), h("code", { title: "Request ID" }, row.requestId), h("code", { title: "SHA-256 of the code" }, row.shortSha)),
    errorView(row),
    row.errorType ? stackTrace(row) : section("Response", responseBody(row.response), copyButton(row.response.text)), truncationNote(row.response) ?? "",
    log(row.log), truncationNote(row.log) ?? "",
    section("Timings", timings(row)),
    section("Event", json(row.event.text), copyButton(pretty(row.event.text))), truncationNote(row.event) ?? "",
    section("Repeat with curl", row.curl && h("pre", { tabindex: 0 }, row.curl), row.curl && copyButton(row.curl)));
}

function reloadView(row) {
  const [title, outcome] = row.errorType ? ["Code does not load", "Failed"] : [row.isFirst ? "Started" : "Saved", "Loaded"];
  return h("article", { class: row.errorType ? "failed" : "succeeded" },
    h("h2", {}, title, h("span", { class: "outcome" }, outcome)),
    h("div", { class: "meta" }, h("span", {}, formatTime(row.timestamp)), h("span", {}, row.function), row.loadMs !== null && !row.errorType && h("span", {}, `loaded in ${formatMs(row.loadMs)}`), h("code", {}, row.shortSha)),
    errorView(row),
    row.errorType ? h("p", { class: "remark" }, isCurrent(row) ? "Every invocation fails until this is fixed." : "Superseded by a later save.") : "",
    log(row.log));
}

const isCurrent = ({ id }) => state.functions.some((each) => each.rowId === id);

function comparisonView(comparison) {
  const title = h("h3", {}, h("b", {}, labelOf(comparison)), previewOf(comparison), comparison.pinned && "pinned");
  if (comparison.skipReason) return h("div", { class: "comparison" }, title, h("p", { class: "warning" }, `Not replayed: ${comparison.skipReason}`));
  const { beforeRow, afterRow } = comparison;
  const texts = [beforeRow, afterRow].map((row) => comparableText(row.response.text));
  const titles = [["Before", beforeRow], ["After", afterRow]].map(([word, row]) => `${word} · ${row.shortSha.slice(0, 7)} · ${formatMs(row.durationMs)}`);
  return h("div", { class: "comparison" }, title, errorView(afterRow), sideBySide(...texts, titles));
}

function replayView(row) {
  const shown = row.comparisons.filter((each) => each.changed || each.skipReason);
  const unchanged = row.comparisons.filter((each) => !each.changed && !each.skipReason);
  return h("article", {},
    h("h2", {}, row.changedLabels.length ? `${row.changedLabels.length} of ${row.count} responses changed` : "No response changed"),
    h("div", { class: "meta" }, h("span", {}, formatTime(row.timestamp)), h("span", {}, row.function), h("span", {}, `replayed in ${formatMs(row.elapsedMs)}`), h("code", {}, row.shortSha)),
    shown.map(comparisonView),
    unchanged.length ? [h("h3", {}, `${unchanged.length} unchanged`), h("ul", { class: "unchanged-list" }, unchanged.map((each) => h("li", {}, labelOf(each), previewOf(each))))] : []);
}

function checksView(row) {
  return h("article", { class: row.succeeded ? "succeeded" : "failed" },
    h("h2", {}, "Checks", h("span", { class: "outcome" }, row.succeeded ? "Succeeded" : "Failed")),
    h("div", { class: "meta" }, h("span", {}, formatTime(row.timestamp)), h("span", {}, row.message)),
    row.output ? section("Output", h("pre", { tabindex: 0 }, row.output)) : []);
}

function pinView({ original, lastComparison }) {
  return h("article", {},
    h("h2", {}, h("span", { class: "label" }, labelOf(original)), h("span", { class: "outcome" }, "pinned")),
    h("p", { class: "remark" }, pinRemark(lastComparison)),
    lastComparison ? comparisonView(lastComparison) : section("Response", responseBody(original.response)),
    section("Event", json(original.event.text)));
}

function pinRemark(lastComparison) {
  if (!lastComparison) return "Reruns after each save and shows here what changed.";
  if (lastComparison.skipReason) return "";
  return lastComparison.changed ? "The last save changed its response." : "The last save did not change its response.";
}

export function detailView(row) {
  return { invocation: invocationView, reload: reloadView, replay: replayView, checks: checksView, pin: pinView }[row.kind](row);
}

export const loadRow = (id) => request("GET", `rows/${id}`);
