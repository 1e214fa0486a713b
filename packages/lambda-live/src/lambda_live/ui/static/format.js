// Numbers, times and bodies as readable text.

// As the terminal shows durations.
export function formatMs(value) {
  if (value === null || value === undefined) return "";
  if (value >= 1000) return `${(value / 1000).toFixed(1)} s`;
  return value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`;
}

// The time from the save, or from the start, until the code was loaded.
export const loadText = ({ isFirst, loadMs }) => `${isFirst ? "loaded" : "reloaded"}${loadMs === null ? "" : ` in ${formatMs(loadMs)}`}`;

export function formatSize(size) {
  return size < 1024 ? `${size} bytes` : size < 1048576 ? `${Math.round(size / 1024)} KB` : `${(size / 1048576).toFixed(1)} MB`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export function formatTime(timestamp) {
  return clock.format(timestamp);
}

export function parseJson(text) {
  try { return JSON.parse(text); } catch { return undefined; }
}

export function pretty(text) {
  const value = parseJson(text);
  return value === undefined ? text : JSON.stringify(value, null, 2);
}

// The HTTP response of a proxy response; null for any other response, such as one whose cookies or body have another type.
export function parseProxyResponse(text) {
  const value = parseJson(text);
  if (value === null || typeof value !== "object" || Array.isArray(value) || !("statusCode" in value)) return null;
  if (!Array.isArray(value.cookies ?? []) || (value.isBase64Encoded && typeof (value.body ?? "") !== "string")) return null;
  const headers = Object.entries(value.headers ?? {}).map(([name, item]) => [name, String(item)]);
  for (const [name, items] of Object.entries(value.multiValueHeaders ?? {})) headers.push(...[items].flat().map((item) => [name, String(item)]));
  for (const cookie of value.cookies ?? []) headers.push(["Set-Cookie", cookie]);
  return { status: value.statusCode, headers, ...decodeBody(value) };
}

function decodeBody({ body, isBase64Encoded }) {
  if (body === undefined || body === null) return { body: "" };
  if (!isBase64Encoded) return { body: pretty(String(body)) };
  try {
    const content = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
    return { body: pretty(new TextDecoder("utf-8", { fatal: true }).decode(content)) };
  } catch {
    return { body: "", binary: true, size: Math.floor((body.length * 3) / 4) - (body.match(/=*$/)[0].length) };
  }
}

// The text by which two responses are compared.
export function comparableText(text) {
  const http = parseProxyResponse(text);
  if (http === null) return pretty(text);
  return [`HTTP ${http.status}`, ...http.headers.map(([name, value]) => `${name}: ${value}`), "", http.binary ? parseJson(text).body : http.body].join("\n");
}

// Removes the colors that a program prints for a terminal.
export function stripColors(text) {
  return text.replace(/\x1b\[[0-9;:]*m/g, "");
}

// The service judges invocations (model/outcome.py). Of a batch, items may fail although the invocation succeeded.
export const outcomeOf = (row) => (row.outcome === "succeeded" && row.consequence ? "failed-items" : row.outcome);

export const hasFailed = (row) => outcomeOf(row).startsWith("failed");

// The outcome in words, for headings and screen readers.
export function outcomeWords(row) {
  if (row.status === "timeout") return "Timed out";
  return { succeeded: "Succeeded", "client-error": "Client error", "failed-items": "Failed items", failed: "Failed" }[outcomeOf(row)];
}

export const labelOf = (row) => row.label || "Invoke";

export function outcomeText(row) {
  if (row.errorType) return row.status === "timeout" ? "timed out" : row.errorType.replace(/^Runtime\.(UserCode)?/, "");
  if (outcomeOf(row) === "failed-items") return "failed items";
  if (row.httpStatus !== null) return String(row.httpStatus);
  return row.outcome === "failed" ? "failed" : "ok";
}

// Why an invocation failed: the error's message, or what is wrong with its result.
export const reasonOf = (row) => (row.errorType ? stripColors(row.message) : row.problem || row.consequence);
