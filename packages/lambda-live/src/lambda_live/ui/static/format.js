// Numbers, times and bodies, as a person reads them.

export function ms(value) {
  if (value === null || value === undefined) return "";
  if (value >= 10000) return `${(value / 1000).toFixed(1)} s`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return value >= 10 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`;
}

export function bytes(size) {
  return size < 1024 ? `${size} bytes` : size < 1048576 ? `${Math.round(size / 1024)} KB` : `${(size / 1048576).toFixed(1)} MB`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export function time(at) {
  return clock.format(at);
}

export function parsed(text) {
  try { return JSON.parse(text); } catch { return undefined; }
}

export function pretty(text) {
  const value = parsed(text);
  return value === undefined ? text : JSON.stringify(value, null, 2);
}

// What a proxy response is over HTTP; null for any other answer.
export function asHttp(text) {
  const value = parsed(text);
  if (value === null || typeof value !== "object" || Array.isArray(value) || !("statusCode" in value)) return null;
  const headers = Object.entries(value.headers ?? {}).map(([name, item]) => [name, String(item)]);
  for (const [name, items] of Object.entries(value.multiValueHeaders ?? {})) headers.push(...[items].flat().map((item) => [name, String(item)]));
  for (const cookie of value.cookies ?? []) headers.push(["Set-Cookie", cookie]);
  return { status: value.statusCode, headers, ...httpBody(value) };
}

function httpBody({ body, isBase64Encoded }) {
  if (body === undefined || body === null) return { body: "" };
  if (!isBase64Encoded) return { body: pretty(String(body)) };
  try {
    const content = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
    return { body: pretty(new TextDecoder("utf-8", { fatal: true }).decode(content)) };
  } catch {
    return { body: `${body}`, base64: true };
  }
}

// The lines that two answers are compared by.
export function readable(text) {
  const http = asHttp(text);
  if (http === null) return pretty(text);
  return [`HTTP ${http.status}`, ...http.headers.map(([name, value]) => `${name}: ${value}`), "", http.body].join("\n");
}

// As the terminal shows it: what colours a terminal is nothing here.
export function uncoloured(text) {
  return text.replace(/\x1b\[[0-9;:]*m/g, "");
}

export const WORD = { success: "Succeeded", error: "Failed", failure: "Failed", timeout: "Timed out" };

export const called = (row) => row.call || "Invoke";

export function outcome(row) {
  if (row.errorType) return row.status === "timeout" ? "timed out" : row.errorType.replace(/^Runtime\./, "");
  return row.http === null ? "ok" : String(row.http);
}

export function kindOf(row) {
  if (row.errorType) return "failed";
  return row.http >= 500 ? "bad" : row.http >= 400 ? "odd" : "well";
}
