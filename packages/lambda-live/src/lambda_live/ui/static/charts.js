// Four charts of up to five minutes, one point per second. Vertical lines mark saves.

import { $, h, svg } from "./dom.js";
import { formatMs, formatTime } from "./format.js";
import { state, onChange } from "./state.js";

const MAX_SECONDS = 300;
const MIN_SECONDS = 60;
const HEIGHT = 44;
const PADDING_TOP = 3;

const CHARTS = [
  { title: "Invocations/s", series: [["invocations", "calls", "total", true], ["errors", "errors", "errors", true]], format: String },
  { title: "Duration", series: [["p50", "p50", "p50"], ["p99", "p99", "p99"]], format: formatMs },
  { title: "Init", series: [["init", "init", "slowest"]], format: formatMs, asBars: true },
  { title: "Environments", series: [["busy", "busy", "busy", true], ["queue", "queue", "waiting"]], format: String },
];

function createChart(chart) {
  const picture = svg("svg", { preserveAspectRatio: "none", role: "img" });
  const saves = svg("path", { class: "save" });
  const failedSaves = svg("path", { class: "failed-save" });
  picture.append(saves, failedSaves);
  const heading = h("h2", {}, chart.title);
  const lines = chart.series.map(([field, color, label, filled]) => {
    const area = filled ? svg("path", { class: `area c-${color}`, stroke: "none" }) : null;
    const line = svg("path", { class: `c-${color}` });
    if (area) { area.style.stroke = "none"; picture.append(area); }
    picture.append(line);
    const value = h("b", {});
    heading.append(h("span", {}, h("span", { class: `swatch c-${color}` }), h("i", {}, `${label} `), value));
    return { field, label, line, area, value };
  });
  const maximum = h("span", { class: "maximum", "aria-hidden": "true" });
  const [start, end] = [h("span", {}), h("span", {})];
  $("charts").append(h("div", { class: "chart" }, heading, picture, maximum, h("div", { class: "axis" }, start, end)));
  return { ...chart, picture, saves, failedSaves, lines, maximum, start, end };
}

function draw(chart, points, last, width) {
  chart.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const highest = Math.max(1, ...points.flatMap(([, second]) => chart.lines.map(({ field }) => second[field] ?? 0)));
  const y = (value) => HEIGHT - 1 - (value / highest) * (HEIGHT - PADDING_TOP - 1);
  const values = [];
  for (const { field, label, line, area, value } of chart.lines) {
    line.setAttribute("d", chart.asBars ? barPath(points, field, y) : linePath(points, field, y));
    area?.setAttribute("d", areaPath(points, field, y));
    const shown = chart.asBars ? points.findLast(([, second]) => second[field] !== null)?.[1][field] : last?.[field];
    value.textContent = shown === null || shown === undefined ? "–" : chart.format(shown);
    values.push(`${label} ${value.textContent}`);
  }
  const hasValues = points.some(([, second]) => chart.lines.some(({ field }) => second[field] !== null));
  chart.maximum.textContent = hasValues ? chart.format(highest) : "";
  chart.start.textContent = last ? formatTime((last.timestamp - width + 1) * 1000) : "";
  chart.end.textContent = last ? formatTime(last.timestamp * 1000) : "";
  chart.saves.setAttribute("d", savePath(points, true));
  chart.failedSaves.setAttribute("d", savePath(points, false));
  chart.picture.setAttribute("aria-label", `${chart.title} now: ${values.join(", ")}; maximum in this chart: ${chart.format(highest)}`);
}

// A second without neighbours becomes a dash of one second.
function linePath(points, field, y) {
  const present = new Map(points.filter(([, second]) => second[field] !== null));
  return [...present].map(([x, second]) => {
    const at = `${x} ${y(second[field]).toFixed(1)}`;
    if (present.has(x - 1)) return `L${at}`;
    return present.has(x + 1) ? `M${at}` : `M${at}h1`;
  }).join("");
}

function areaPath(points, field, y) {
  if (!points.length) return "";
  const line = points.map(([x, second]) => `L${x} ${y(second[field] ?? 0).toFixed(1)}`).join("");
  return `M${points[0][0]} ${HEIGHT}${line}L${points.at(-1)[0]} ${HEIGHT}Z`;
}

function barPath(points, field, y) {
  return points.filter(([, second]) => second[field] !== null).map(([x, second]) => `M${x} ${HEIGHT}V${y(second[field]).toFixed(1)}`).join("");
}

function savePath(points, loaded) {
  return points.filter(([, second]) => second.saves.includes(loaded)).map(([x]) => `M${x} 0V${HEIGHT}`).join("");
}

// Without the service the charts stand still: they say so instead of looking as if nothing happened.
function showConnection(last) {
  $("charts").classList.toggle("frozen", !state.connected);
  $("charts").dataset.note = state.connected ? "" : `No data${last ? ` since ${formatTime(last.timestamp * 1000)}` : ""}`;
}

export function showCharts() {
  const charts = CHARTS.map(createChart);
  onChange((changed) => {
    const last = state.seconds.at(-1);
    if (changed.has("connected") || changed.has("snapshot")) showConnection(last);
    if (!changed.has("second") && !changed.has("snapshot")) return;
    const width = Math.min(MAX_SECONDS, Math.max(MIN_SECONDS, last ? last.timestamp - state.seconds[0].timestamp + 1 : 0));
    const points = state.seconds.map((second) => [width - 1 - (last.timestamp - second.timestamp), second]).filter(([x]) => x >= 0);
    for (const chart of charts) draw(chart, points, last, width);
  });
}
