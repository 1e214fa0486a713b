// Numbers, times and bodies as readable text.

export function formatMs(value) {
  if (value === null || value === undefined) return "";
  if (value >= 10000) return `${(value / 1000).toFixed(1)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`;
}

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

// The HTTP response of a proxy response; null for any other response.
export function parseProxyResponse(text) {
  const value = parseJson(text);
  if (value === null || typeof value !== "object" || Array.isArray(value) || !("statusCode" in value)) return null;
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
    return { body: `${body}`, base64: true };
  }
}

// The text by which two responses are compared.
export function comparableText(text) {
  const http = parseProxyResponse(text);
  if (http === null) return pretty(text);
  return [`HTTP ${http.status}`, ...http.headers.map(([name, value]) => `${name}: ${value}`), "", http.body].join("\n");
}

// Removes the colors that a program prints for a terminal.
export function stripColors(text) {
  return text.replace(/\x1b\[[0-9;:]*m/g, "");
}

export const STATUS_TEXT = { success: "Succeeded", error: "Failed", failure: "Failed", timeout: "Timed out" };

export const labelOf = (row) => row.label || "Invoke";

export function outcomeText(row) {
  if (row.errorType) return row.status === "timeout" ? "timed out" : row.errorType.replace(/^Runtime\./, "");
  return row.httpStatus === null ? "ok" : String(row.httpStatus);
}

export function outcomeClass(row) {
  if (row.errorType) return "failed";
  return row.httpStatus >= 500 ? "server-error" : row.httpStatus >= 400 ? "client-error" : "succeeded";
}
