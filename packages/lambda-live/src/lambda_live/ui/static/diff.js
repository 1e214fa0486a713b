// Two texts side by side, line by line.

import { h } from "./dom.js";

const MOST = 1500; // lines that are aligned; longer texts are compared as they stand
const AROUND = 3;

export function sideBySide(before, after, titles) {
  const pairs = aligned(before.split("\n"), after.split("\n"));
  const shown = near(pairs);
  const cells = [];
  let skipped = 0;
  pairs.forEach(([left, right], number) => {
    if (!shown.has(number)) { skipped += 1; return; }
    if (skipped) cells.push(h("div", { class: "skipped" }, `${skipped} equal lines`));
    skipped = 0;
    cells.push(...row(left, right));
  });
  if (skipped) cells.push(h("div", { class: "skipped" }, `${skipped} equal lines`));
  return h("div", { class: "diff" }, h("div", { class: "title" }, titles[0]), h("div", { class: "title" }, titles[1]), cells);
}

function row(left, right) {
  if (left === right) return [h("div", {}, left), h("div", {}, right)];
  if (left === null) return [h("div", {}), h("div", { class: "come" }, right)];
  if (right === null) return [h("div", { class: "gone" }, left), h("div", {})];
  const [start, end] = common(left, right);
  const marked = (text, name) =>
    h("div", { class: name }, text.slice(0, start), h("mark", {}, text.slice(start, text.length - end)), text.slice(text.length - end));
  return [marked(left, "gone"), marked(right, "come")];
}

function common(left, right) {
  const least = Math.min(left.length, right.length);
  let start = 0;
  while (start < least && left[start] === right[start]) start += 1;
  let end = 0;
  while (end < least - start && left[left.length - 1 - end] === right[right.length - 1 - end]) end += 1;
  const inWord = (text, at) => /\w/.test(text[at - 1] ?? "") && /\w/.test(text[at] ?? "");
  while (start > 0 && (inWord(left, start) || inWord(right, start))) start -= 1;
  while (end > 0 && (inWord(left, left.length - end) || inWord(right, right.length - end))) end -= 1;
  return [start, end];
}

function near(pairs) {
  const shown = new Set();
  pairs.forEach(([left, right], number) => {
    if (left === right) return;
    for (let at = number - AROUND; at <= number + AROUND; at += 1) shown.add(at);
  });
  return shown.size ? shown : new Set(pairs.keys());
}

// The longest common subsequence; lines that stand for each other are paired.
function aligned(before, after) {
  if (before.length > MOST || after.length > MOST) return paired(before, after);
  const lengths = Array.from({ length: before.length + 1 }, () => new Uint16Array(after.length + 1));
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      lengths[i][j] = before[i] === after[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  const pairs = [];
  let [i, j, gone, come] = [0, 0, [], []];
  const flush = () => { pairs.push(...paired(gone, come)); gone = []; come = []; };
  while (i < before.length && j < after.length) {
    if (before[i] === after[j]) { flush(); pairs.push([before[i], after[j]]); i += 1; j += 1; }
    else if (lengths[i + 1][j] >= lengths[i][j + 1]) { gone.push(before[i]); i += 1; }
    else { come.push(after[j]); j += 1; }
  }
  gone.push(...before.slice(i));
  come.push(...after.slice(j));
  flush();
  return pairs;
}

function paired(before, after) {
  return Array.from({ length: Math.max(before.length, after.length) }, (_, number) => [before[number] ?? null, after[number] ?? null]);
}
