// Calls of the service's JSON API.

export async function request(method, path, body) {
  const options = { method };
  if (method !== "GET") {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body ?? {});
  }
  let response;
  try {
    response = await fetch(`/api/${path}`, options);
  } catch {
    throw new Error("The service is not reachable.");
  }
  const value = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(value.message ?? `The service returned status ${response.status}.`);
  return value;
}
