// The page: what is open, what the keys do, what is said.

import { $, h } from "./dom.js";
import { ask } from "./api.js";
import { showCharts } from "./charts.js";
import { detail, hide, load, pane, show } from "./detail.js";
import { keepDialog } from "./keep.js";
import { move, onlyFailed, select, selection, showList, toEnd, toggleChecks } from "./list.js";
import { sendPane } from "./send.js";
import { follow, listen, listenToRows, state } from "./state.js";

const HELP = [
  ["j k", "next, previous"], ["Enter", "open"], ["u", "back to the list"], ["r", "again"], ["e", "edit, and send"],
  ["p", "pin: run again after each save"], ["x", "keep as check"], ["s", "send an event"], ["/", "filter"],
  ["f", "only what failed"], ["h", "checks, shown or hidden"], ["a", "answers over a save, on or off"], ["g G", "newest, oldest"], ["?", "these keys"],
];

const MOST = 4; // functions that are shown one by one

let asked = 0; // the last that was asked for is the one that is shown
let opened = null; // what the pane shows: {row} or {pin}, or {} while an event is written

function say(text) {
  $("announce").textContent = text;
}

function trouble(error) {
  say(error.message);
  pane.querySelector(".bar")?.after(h("p", { class: "problem", role: "alert" }, error.message));
}

function action(name, key, run, disabled = false) {
  return h("button", { type: "button", onclick: run, disabled, "aria-keyshortcuts": key }, `${name} `, h("kbd", {}, key));
}

function bar(row, pin) {
  const buttons = [action("Back", "u", back), h("span", { class: "gap" })];
  if (row?.kind === "invocation") {
    buttons.push(action("Again", "r", again, row.event.cut), action("Edit", "e", edit, row.event.cut));
    if (!pin) buttons.push(action("Pin", "p", pinIt, row.event.cut), action("Keep as check", "x", keep, row.event.cut || Boolean(row.errorType)));
  }
  if (pin) buttons.push(action("Unpin", "p", pinIt));
  return h("div", { class: "bar" }, buttons);
}

async function open(id) {
  const turn = asked += 1;
  try {
    const row = await load(id);
    if (turn === asked) showRow(row);
  } catch (error) {
    say(error.message);
  }
}

function showRow(row) {
  opened = { row };
  show(bar(row), detail(row));
}

async function openPin(id) {
  const turn = asked += 1;
  try {
    const pin = await ask("GET", `pins/${id}`);
    if (turn !== asked) return;
    opened = { pin, row: pin.original };
    show(bar(pin.original, pin), detail(pin));
  } catch (error) {
    say(error.message);
  }
}

function back() {
  asked += 1;
  opened = null;
  hide();
  $("rows").focus();
}

const current = () => opened?.row ?? selection();

async function again() {
  const row = current();
  if (row?.kind !== "invocation") return;
  try {
    const answered = await ask("POST", `rows/${row.id}/again`);
    if (opened) showRow(answered);
    select(answered.id);
    say(`Again: ${answered.errorType ?? "succeeded"}`);
  } catch (error) {
    trouble(error);
  }
}

async function edit() {
  const row = current();
  if (row?.kind !== "invocation") return;
  const whole = row.event ? row : await load(row.id);
  compose({ text: whole.event.text, call: whole.call, function: whole.function });
}

function compose(given) {
  asked += 1;
  opened = {};
  sendPane({ bar: bar(), given, onSent: (row) => { opened = row ? { row } : {}; pane.querySelector(".bar").replaceWith(bar(row)); } });
}

async function pinIt() {
  try {
    if (opened?.pin) {
      await ask("DELETE", `pins/${opened.pin.id}`);
      say("Unpinned");
      back();
    } else if (current()?.kind === "invocation") {
      const pin = await ask("POST", `rows/${current().id}/pin`);
      say("Pinned: it runs again after each save");
      if (opened) openPin(pin.id);
    }
  } catch (error) {
    trouble(error);
  }
}

async function keep() {
  const row = current();
  if (row?.kind === "invocation") keepDialog(row);
}

async function turnReplay(on) {
  await ask("PUT", "replay", { on }).catch(trouble);
}

function keys() {
  $("keys").replaceChildren(h("h2", {}, "Keys"),
    h("dl", {}, HELP.flatMap(([key, what]) => [h("dt", {}, key.split(" ").map((each) => [h("kbd", {}, each), " "]).flat()), h("dd", {}, what)])));
  $("keys").showModal();
}

function step(by) {
  const id = move(by);
  if (id !== null && opened?.row) open(id);
}

const KEYS = {
  j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1),
  Enter: () => selection() && open(selection().id), o: () => selection() && open(selection().id),
  u: back, Escape: back, r: again, e: edit, p: pinIt, x: keep, s: () => compose(), c: () => compose(),
  "/": () => $("text").focus(), f: onlyFailed, h: toggleChecks, a: () => turnReplay(!state.replay),
  g: () => toEnd(true), G: () => toEnd(false), Home: () => toEnd(true), End: () => toEnd(false), "?": keys,
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const writes = event.target.matches("input[type=search], input[type=text], textarea, select");
  if (writes) {
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
  const broken = state.functions.filter((each) => each.state === "broken");
  document.title = `${broken.length ? "✕ " : ""}${$("name").textContent} · lambda_live`;
  if (!state.connected) {
    $("code").replaceChildren(h("span", { class: "gone" }, "The service does not answer; trying again …"));
    return;
  }
  const well = state.functions.filter((each) => each.state !== "broken");
  const several = names.length > MOST;
  const shown = several ? broken.slice(0, broken.length === 1 ? 1 : 0) : [...broken, ...well];
  const rest = [[broken.slice(shown.length), "broken", "do not load"], [well, "loaded", "live"]].filter(([those]) => several && those.length);
  $("code").replaceChildren(...shown.map((each) => {
    const name = names.length > 1 && h("span", { class: "name" }, `${each.name} `);
    const words = { loading: "loading", loaded: "live ", broken: `does not load${each.place ? `: ${each.place.path.split("/").at(-1)}:${each.place.line}` : ""}` }[each.state];
    return h("button", { type: "button", class: each.state, title: each.message ?? (name ? each.name : null), onclick: () => each.row && open(each.row) },
      h("span", { class: "dot" }), name, h("span", { class: name && each.state === "loaded" ? "unseen" : "words" }, words), each.state === "loaded" && h("code", {}, each.code.slice(0, 7)));
  }), ...rest.map(([those, kind, words]) => h("button", { type: "button", class: `all ${kind}`, onclick: () => open(those[0].row) }, h("span", { class: "dot" }), `${those.length} ${words}`)));
}

// A link may name an invocation by its request: the browser's error page does.
function openLinked() {
  const asked = location.hash.slice(1);
  const row = asked && [...state.rows.values()].reverse().find(({ requestId }) => requestId === asked);
  if (row) { select(row.id); open(row.id); }
}

function announce(told) {
  if (told.hello) { openLinked(); return; }
  for (const row of told.rows ?? []) {
    if (row.kind === "reload") say(row.errorType ? `The code does not load: ${row.message}` : "Saved and loaded");
    if (row.kind === "replay" && row.changed.length) say(`${row.changed.length} answers changed`);
  }
}

showCharts();
showList({ onOpen: open, onOpenPin: openPin });
listen((changed) => {
  if (changed.has("functions") || changed.has("connected")) showFunctions();
  if (changed.has("functions") && opened?.row?.kind === "reload") showRow(opened.row);
  if (changed.has("replay")) $("replay").checked = state.replay;
  if (changed.has("pins") && opened?.pin && state.pins.some(({ id }) => id === opened.pin.id)) openPin(opened.pin.id);
});
listenToRows(announce);
$("replay").addEventListener("change", (event) => turnReplay(event.target.checked));
$("compose").addEventListener("click", () => compose());
$("help").addEventListener("click", keys);
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
document.addEventListener("keydown", pressed);
addEventListener("hashchange", openLinked);
follow();
