// The functions: their URLs and routes, their settings, their triggers and their last results.

import { copyButton, h, termList } from "./dom.js";
import { request } from "./api.js";
import { formatTime, hasFailed, labelOf, outcomeOf, outcomeText } from "./format.js";
import { state } from "./state.js";

const MAX_RESULTS = 30;
const MIN_FOR_FILTER = 6;

// `onSend` gets a function's name and optionally a sample's name; `onFilter` gets a function's name.
export async function functionsView({ onSend, onFilter }) {
  const found = await request("GET", "functions");
  const cards = found.map((each) => card(each, onSend, onFilter));
  const search = h("input", { type: "search", "aria-label": "Filter functions", placeholder: "Filter functions", oninput: (event) => {
    const text = event.target.value.trim().toLowerCase();
    cards.forEach((element, index) => { element.hidden = !JSON.stringify(found[index]).toLowerCase().includes(text); });
  } });
  return h("article", { class: "functions" }, h("h2", {}, found.length === 1 ? "Function" : `${found.length} functions`), found.length >= MIN_FOR_FILTER && search, cards);
}

function card(each, onSend, onFilter) {
  const { name, url, invokeUrl, routes, triggers } = each;
  const facts = [
    ["Function URL", address(url)], ["Invoke API", address(invokeUrl)], ["Handler", h("code", {}, each.handler)],
    ["Runtime", `${each.runtime} (Python ${each.python})`], ["Memory", `${each.memoryMb} MB`], ["Timeout", `${each.timeoutSeconds} s`],
    ["Environments", `${each.environments} running${each.reservedConcurrency === null ? "" : `, at most ${each.reservedConcurrency}`}`], ["Code", codeState(name, each.codeFolder)],
  ];
  const packages = state.functions.find((one) => one.name === name);
  if (packages?.packages) facts.push(["Packages", packages.packages === "installing" ? "installing" : h("span", { class: "problem lines" }, packages.packagesMessage)]);
  return h("section", { class: "function", "aria-label": name },
    h("h3", {}, h("b", {}, name), h("span", { class: "spacer" }),
      h("button", { type: "button", onclick: () => onSend(name) }, "Send event"),
      state.functions.length > 1 && h("button", { type: "button", onclick: () => onFilter(name) }, "Show its requests")),
    results(name),
    h("dl", {}, termList(facts)),
    routes.length > 0 && table("Routes", routes.map((route) => [h("b", {}, route.method), h("code", {}, route.path), `${route.api}${route.authorizer ? `, ${route.authorizer}` : ""}`, copyButton(route.url, `Copy the URL of ${route.method} ${route.path}`)])),
    triggers.length > 0 && table("Triggers", triggers.map((trigger) => [h("b", {}, trigger.type), trigger.name, trigger.source || "not emulated", h("button", { type: "button", onclick: () => onSend(name, `${trigger.type} ${trigger.name}`) }, "Sample event")])));
}

function address(url) {
  return [h("code", {}, url), " ", copyButton(url, `Copy ${url}`)];
}

function table(title, rows) {
  return [h("h4", {}, title), h("table", {}, h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell))))))];
}

function codeState(name, folder) {
  const found = state.functions.find((each) => each.name === name);
  const words = { loading: "loading", loaded: "live", failed: "does not load" }[found?.state] ?? "unknown";
  return [h("a", found?.rowId ? { href: `#/rows/${found.rowId}`, class: found.state } : { class: "loading" }, words), " ", h("code", {}, found?.shortSha?.slice(0, 7) ?? ""), " ", folder];
}

function results(name) {
  const rows = [...state.rows.values()].filter((row) => row.kind === "invocation" && row.function === name).slice(-MAX_RESULTS);
  if (!rows.length) return h("p", { class: "remark" }, "No requests yet.");
  const failed = rows.filter(hasFailed).length;
  return h("p", { class: "results" }, h("span", { class: "dots" }, rows.map((row) =>
    h("a", { href: `#/rows/${row.id}`, class: outcomeOf(row), title: `${formatTime(row.timestamp)} ${labelOf(row)}: ${outcomeText(row)}`, "aria-label": `${labelOf(row)}: ${outcomeText(row)}` }, "●"))),
    h("span", {}, ` last ${rows.length}, ${failed} failed`));
}
