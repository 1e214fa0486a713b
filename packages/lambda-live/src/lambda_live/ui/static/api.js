// What the page asks of the service.

export class Refused extends Error {}

export async function ask(method, path, body) {
  const options = { method };
  if (method !== "GET") {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body ?? {});
  }
  let response;
  try {
    response = await fetch(`/api/${path}`, options);
  } catch {
    throw new Refused("The service does not answer.");
  }
  const value = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(value.message ?? `The service answered ${response.status}.`);
  return value;
}
