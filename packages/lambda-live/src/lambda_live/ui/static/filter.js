// What the list shows.

import { hasFailed } from "./format.js";

export const filter = { text: "", outcome: "all", function: "", checks: localStorage.getItem("checks") === "shown", found: null };

// Invocations by these clients are hidden by default. The values are their tags.
export const HIDDEN_CLIENTS = { check: "check", replay: "replay" };

export function passes(row) {
  if (row.kind === "invocation" && !filter.checks && row.client in HIDDEN_CLIENTS) return false;
  if (filter.function && row.function && row.function !== filter.function) return false;
  if (filter.outcome !== "all" && isFailure(row) !== (filter.outcome === "failed")) return false;
  return !filter.text || matches(row);
}

function isFailure(row) {
  return row.kind === "invocation" ? hasFailed(row) : Boolean(row.errorType) || row.succeeded === false || row.failedCount > 0;
}

function matches(row) {
  const words = [row.label, row.function, row.requestId, row.errorType, row.message, row.problem, row.shortSha, row.httpStatus].join(" ").toLowerCase();
  return words.includes(filter.text) || Boolean(filter.found?.has(row.id));
}
