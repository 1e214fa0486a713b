// The last minutes, five at most: four pictures, a point a second, saves marked in each.

import { $, h, svg } from "./dom.js";
import { ms } from "./format.js";
import { state, listen } from "./state.js";

const MOST = 300;
const LEAST = 60;
const HEIGHT = 44;
const TOP = 3;

const CHARTS = [
  { title: "Invocations/s", series: [["invocations", "calls", "calls", true], ["errors", "errors", "errors", true]], unit: String },
  { title: "Duration", series: [["p50", "p50", "p50"], ["p99", "p99", "p99"]], unit: ms },
  { title: "Init", series: [["init", "init", "slowest"]], unit: ms, sticks: true },
  { title: "Environments", series: [["busy", "busy", "busy", true], ["queue", "queue", "waiting"]], unit: String },
];

function drawing(chart) {
  const picture = svg("svg", { preserveAspectRatio: "none", role: "img" });
  const saves = svg("path", { class: "save" });
  const broke = svg("path", { class: "broke" });
  picture.append(saves, broke);
  const heading = h("h2", {}, chart.title);
  const lines = chart.series.map(([field, colour, label, filled]) => {
    const area = filled ? svg("path", { class: `area c-${colour}`, stroke: "none" }) : null;
    const line = svg("path", { class: `c-${colour}` });
    if (area) { area.style.stroke = "none"; picture.append(area); }
    picture.append(line);
    const value = h("b", {});
    heading.append(h("span", {}, h("span", { class: `swatch c-${colour}` }), h("i", {}, `${label} `), value));
    return { field, label, line, area, value };
  });
  const most = h("span", { class: "most", "aria-hidden": "true" });
  $("charts").append(h("div", { class: "chart" }, heading, picture, most));
  return { ...chart, picture, saves, broke, lines, most };
}

function draw(chart, points, last, width) {
  chart.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const highest = Math.max(1, ...points.flatMap(([, second]) => chart.lines.map(({ field }) => second[field] ?? 0)));
  const y = (value) => HEIGHT - 1 - (value / highest) * (HEIGHT - TOP - 1);
  const words = [];
  for (const { field, label, line, area, value } of chart.lines) {
    line.setAttribute("d", chart.sticks ? sticks(points, field, y) : stroke(points, field, y));
    area?.setAttribute("d", filling(points, field, y));
    const shown = chart.sticks ? points.findLast(([, second]) => second[field] !== null)?.[1][field] : last?.[field];
    value.textContent = shown === null || shown === undefined ? "–" : chart.unit(shown);
    words.push(`${label} ${value.textContent}`);
  }
  chart.most.textContent = points.length ? chart.unit(highest) : "";
  chart.saves.setAttribute("d", marks(points, true));
  chart.broke.setAttribute("d", marks(points, false));
  chart.picture.setAttribute("aria-label", `${chart.title} now: ${words.join(", ")}; highest in the last minutes ${chart.unit(highest)}`);
}

// A second between two that nobody called in is a dash as wide as it lasted.
function stroke(points, field, y) {
  const there = new Map(points.filter(([, second]) => second[field] !== null));
  return [...there].map(([x, second]) => {
    const at = `${x} ${y(second[field]).toFixed(1)}`;
    if (there.has(x - 1)) return `L${at}`;
    return there.has(x + 1) ? `M${at}` : `M${at}h1`;
  }).join("");
}

function filling(points, field, y) {
  if (!points.length) return "";
  const line = points.map(([x, second]) => `L${x} ${y(second[field] ?? 0).toFixed(1)}`).join("");
  return `M${points[0][0]} ${HEIGHT}${line}L${points.at(-1)[0]} ${HEIGHT}Z`;
}

function sticks(points, field, y) {
  return points.filter(([, second]) => second[field] !== null).map(([x, second]) => `M${x} ${HEIGHT}V${y(second[field]).toFixed(1)}`).join("");
}

function marks(points, loaded) {
  return points.filter(([, second]) => second.saves.includes(loaded)).map(([x]) => `M${x} 0V${HEIGHT}`).join("");
}

export function showCharts() {
  const charts = CHARTS.map(drawing);
  listen((changed) => {
    if (!changed.has("second") && !changed.has("hello")) return;
    const last = state.seconds.at(-1);
    const width = Math.min(MOST, Math.max(LEAST, last ? last.at - state.seconds[0].at + 1 : 0));
    const points = state.seconds.map((second) => [width - 1 - (last.at - second.at), second]).filter(([x]) => x >= 0);
    for (const chart of charts) draw(chart, points, last, width);
  });
}
