// The details of one row.

import { $, copyButton, h, previewOf, termList } from "./dom.js";
import { request } from "./api.js";
import { bodyView, logView, responseView, section, textView } from "./body.js";
import { sideBySide } from "./diff.js";
import { comparableText, formatMs, formatTime, labelOf, loadText, outcomeOf, outcomeText, outcomeWords, parseJson, stripColors } from "./format.js";
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

function sourceView(location) {
  if (!location) return null;
  const { project, editorRoot } = state.editor;
  const inProject = location.path.startsWith(`${project}/`);
  const path = inProject ? editorRoot + location.path.slice(project.length) : location.path;
  const shown = inProject ? location.path.slice(project.length + 1) : location.path;
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  const href = state.editor.template.replace("{path}", () => encoded).replace("{line}", location.line);
  const link = h("a", { href, title: "Open in the editor" }, `${shown}:${location.line}`);
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

// What the init imported, and how long each import took.
function importsView(row) {
  const { imports } = row;
  if (!imports?.length) return [];
  const longest = Math.max(...imports.map(({ ms }) => ms));
  const total = imports.filter(({ depth }) => depth === 0).reduce((sum, { ms }) => sum + ms, 0);
  const change = row.before && [` · before the save: `, h("b", {}, formatMs(row.before.importMs)), row.before.memoryMb && [", ", h("b", {}, `${row.before.memoryMb} MB`)]];
  const bars = h("ol", { class: "imports" }, imports.map(({ name, ms, selfMs, depth, preloaded }) =>
    h("li", { style: { "padding-left": `${Math.min(depth, 8) * 12}px` } }, h("code", {}, name), h("span", { class: "bar-of", "aria-hidden": "true" }, h("span", { style: { width: `${(ms / longest) * 100}%` }, class: preloaded ? "preloaded" : "own" })),
      h("span", { class: "number", title: `${formatMs(selfMs)} of it in the module itself` }, formatMs(ms)))));
  const memory = row.kind === "reload" && row.memoryMb ? [" · memory ", h("b", {}, `${row.memoryMb} MB`)] : null;
  const isAhead = imports.some(({ preloaded }) => preloaded);
  const legend = [h("p", { class: "legend" }, "Imports ", h("b", {}, formatMs(total)), memory, change),
    isAhead && h("p", { class: "legend" }, h("span", { class: "memory" }, "made ahead by the standby process; on AWS every cold start makes them"))];
  return section("Imports of the init", h("div", {}, legend, bars));
}

function stackTrace(row) {
  const frames = parseJson(row.response.text)?.stackTrace;
  const alreadyShown = row.location?.lines.length ? 1 : 0; // the source view shows the innermost frame
  if (!Array.isArray(frames) || frames.length <= alreadyShown) return [];
  return section("Stack trace", h("pre", { tabindex: 0 }, frames.join("").trimEnd()));
}

function errorView(row) {
  if (!row.errorType) return row.problem ? [h("p", { class: "problem" }, capitalized(row.problem))] : [];
  const message = row.kind === "reload" && row.location ? row.message : `${row.errorType}: ${row.message}`;
  return [h("p", { class: "problem" }, stripColors(message)), sourceView(row.location)].filter(Boolean);
}

const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function invocationView(row) {
  return h("article", { class: outcomeOf(row) },
    h("h2", {}, h("span", { class: "label" }, labelOf(row)), h("span", { class: "outcome" }, row.outcome === "failed" ? outcomeWords(row) : outcomeText(row))),
    h("div", { class: "meta" }, h("span", {}, formatTime(row.timestamp)), h("span", {}, row.function), row.tenantId && h("span", {}, `tenant ${row.tenantId}`), h("code", { title: "Request ID" }, row.requestId), h("code", { title: "SHA-256 of the code" }, row.shortSha)),
    errorView(row),
    row.consequence && h("p", { class: "remark" }, `Then: ${row.consequence}`),
    deliveryView(row),
    row.errorType ? stackTrace(row) : bodyView("Response", row, "response", responseView),
    logView(row),
    section("Timings", timings(row)),
    row.initMs === null ? [] : importsView(row),
    bodyView("Event", row, "event"),
    repeatView(row));
}

// What delivered the event, and all attempts to process it.
function deliveryView({ id, source, attempts = [] }) {
  const facts = Object.entries(source ?? {});
  const linked = ["queue", "table", "bucket", "topic", "bus", "stream"];
  const tries = attempts.length > 1 && h("ol", { class: "attempts" }, attempts.map((each) => h("li", { class: outcomeOf(each) },
    h("a", { href: `#/rows/${each.id}`, "aria-current": each.id === id ? "true" : null }, formatTime(each.timestamp)), ` ${outcomeText(each)}`, each.consequence && h("span", { class: "remark" }, ` · ${each.consequence}`))));
  return [
    ...(facts.length ? section("Delivered by", h("dl", { class: "facts" }, termList(facts.map(([name, value]) => [name, linked.includes(name) ? h("a", { href: `#/resources/${encodeURIComponent(`${name}:${value}`)}` }, value) : value])))) : []),
    ...(tries ? section(`${attempts.length} attempts`, tries) : []),
  ];
}

// Commands and code that repeat the invocation. They are loaded when somebody wants one of them.
function repeatView(row) {
  const holder = h("div", {});
  let text = "";
  const copy = copyButton(() => text);
  copy.hidden = true;
  const load = async (kind, button) => {
    try {
      const found = await request("GET", `rows/${row.id}/snippets`);
      text = found[kind] ?? "The event or the response is not JSON.";
      for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
      holder.replaceChildren(h("pre", { tabindex: 0 }, text));
      copy.hidden = false;
    } catch (error) {
      holder.replaceChildren(h("p", { class: "problem" }, error.message));
    }
  };
  const buttons = ["curl", "boto3", "pytest"].map((kind) => h("button", { type: "button", "aria-pressed": "false", onclick: (event) => load(kind, event.currentTarget) }, kind));
  const exported = h("a", { href: `/api/rows/${row.id}/export`, download: "", class: "button", title: "An archive with the event and its expected response" }, "Export");
  return section("Repeat", holder, buttons, copy, !row.errorType && exported);
}

function reloadView(row) {
  const [title, outcome] = row.errorType ? ["Code does not load", "Failed"] : [row.isFirst ? "Started" : "Saved", "Loaded"];
  return h("article", { class: row.errorType ? "failed" : "succeeded" },
    h("h2", {}, title, h("span", { class: "outcome" }, outcome)),
    h("div", { class: "meta" }, h("span", {}, formatTime(row.timestamp)), h("span", {}, row.function), !row.errorType && h("span", {}, loadText(row)), h("code", {}, row.shortSha)),
    errorView(row),
    row.errorType ? h("p", { class: "remark" }, isCurrent(row) ? "Every invocation fails until this is fixed." : "Superseded by a later save.") : "",
    importsView(row),
    logView(row));
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
    row.failures.length ? row.failures.map(failureView) : row.output ? section("Output", h("pre", { tabindex: 0 }, row.output), copyButton(row.output)) : []);
}

function failureView({ event, outcome, problems, rowId, function: name }) {
  const title = rowId ? h("a", { href: `#/rows/${rowId}` }, event) : h("b", {}, event);
  const words = { failed: "differs", new: "no expected response yet", waiting: "not sent: the code does not load" }[outcome];
  return h("div", { class: "comparison" }, h("h3", {}, title, state.functions.length > 1 && h("span", {}, name), h("span", {}, words)), outcome === "failed" && problems.length > 0 && h("pre", { tabindex: 0 }, problems.join("\n")));
}

function pinView({ original, lastComparison }) {
  return h("article", {},
    h("h2", {}, h("span", { class: "label" }, labelOf(original)), h("span", { class: "outcome" }, "pinned")),
    h("p", { class: "remark" }, pinRemark(lastComparison)),
    lastComparison ? comparisonView(lastComparison) : bodyView("Response", original, "response", responseView),
    bodyView("Event", original, "event"));
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
