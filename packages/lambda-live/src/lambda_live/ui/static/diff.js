// Two texts side by side, compared line by line.

import { h } from "./dom.js";

const MAX_ALIGNED_LINES = 1500; // longer texts are compared without alignment
const CONTEXT_LINES = 3;

export function sideBySide(before, after, titles) {
  const pairs = align(before.split("\n"), after.split("\n"));
  const shown = linesToShow(pairs);
  const cells = [];
  let skipped = 0;
  pairs.forEach(([left, right], number) => {
    if (!shown.has(number)) { skipped += 1; return; }
    if (skipped) cells.push(skippedRow(skipped));
    skipped = 0;
    cells.push(...lineCells(left, right));
  });
  if (skipped) cells.push(skippedRow(skipped));
  return h("div", { class: "diff" }, h("div", { class: "title" }, titles[0]), h("div", { class: "title" }, titles[1]), cells);
}

const skippedRow = (count) => h("div", { class: "skipped" }, `${count} equal line${count === 1 ? "" : "s"}`);

function lineCells(left, right) {
  if (left === right) return [h("div", {}, left), h("div", { class: "same" }, right)];
  if (left === null) return [h("div", { class: "same" }), h("div", { class: "added" }, right)];
  if (right === null) return [h("div", { class: "removed" }, left), h("div", { class: "same" })];
  const [start, end] = commonEnds(left, right);
  const marked = (text, name) =>
    h("div", { class: name }, text.slice(0, start), h("mark", {}, text.slice(start, text.length - end)), text.slice(text.length - end));
  return [marked(left, "removed"), marked(right, "added")];
}

// The lengths of the common prefix and suffix of two lines, without splitting words.
function commonEnds(left, right) {
  const shorter = Math.min(left.length, right.length);
  let start = 0;
  while (start < shorter && left[start] === right[start]) start += 1;
  let end = 0;
  while (end < shorter - start && left[left.length - 1 - end] === right[right.length - 1 - end]) end += 1;
  const inWord = (text, at) => /\w/.test(text[at - 1] ?? "") && /\w/.test(text[at] ?? "");
  while (start > 0 && (inWord(left, start) || inWord(right, start))) start -= 1;
  while (end > 0 && (inWord(left, left.length - end) || inWord(right, right.length - end))) end -= 1;
  return [start, end];
}

function linesToShow(pairs) {
  const shown = new Set();
  pairs.forEach(([left, right], number) => {
    if (left === right) return;
    for (let at = number - CONTEXT_LINES; at <= number + CONTEXT_LINES; at += 1) shown.add(at);
  });
  return shown.size ? shown : new Set(pairs.keys());
}

// Aligns by the longest common subsequence, and pairs replaced lines.
function align(before, after) {
  if (before.length > MAX_ALIGNED_LINES || after.length > MAX_ALIGNED_LINES) return pairLines(before, after);
  const lengths = Array.from({ length: before.length + 1 }, () => new Uint16Array(after.length + 1));
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      lengths[i][j] = before[i] === after[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  const pairs = [];
  let [i, j, removed, added] = [0, 0, [], []];
  const flush = () => { pairs.push(...pairLines(removed, added)); removed = []; added = []; };
  while (i < before.length && j < after.length) {
    if (before[i] === after[j]) { flush(); pairs.push([before[i], after[j]]); i += 1; j += 1; }
    else if (lengths[i + 1][j] >= lengths[i][j + 1]) { removed.push(before[i]); i += 1; }
    else { added.push(after[j]); j += 1; }
  }
  removed.push(...before.slice(i));
  added.push(...after.slice(j));
  flush();
  return pairs;
}

function pairLines(before, after) {
  return Array.from({ length: Math.max(before.length, after.length) }, (_, number) => [before[number] ?? null, after[number] ?? null]);
}
