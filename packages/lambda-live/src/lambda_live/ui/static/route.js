// What is open, and the filter, as the URL's fragment: reload, back and links restore both.
//
// #/rows/ID, #/pins/ID, #/send, #/send/ID (edit that row's event), #/functions, #/resources, #/resources/KIND:NAME; ?q=, &outcome=, &function= filter the list.

import { filter } from "./filter.js";

export function readRoute() {
  const hash = location.hash.slice(1);
  if (hash && !hash.startsWith("/")) return { view: "request", id: hash, filter: {} }; // from the browser's error page
  const [path, query] = hash.split("?");
  const [, view = "", id = ""] = path.split("/");
  const parameters = new URLSearchParams(query); // unlike decodeURIComponent, it accepts any text, such as a link that was cut
  return { view, id: new URLSearchParams(`id=${id.replaceAll("+", "%2B")}`).get("id"), filter: { text: parameters.get("q") ?? "", outcome: parameters.get("outcome") ?? "all", function: parameters.get("function") ?? "" } };
}

function hashOf(path) {
  const parameters = new URLSearchParams();
  if (filter.text) parameters.set("q", filter.text);
  if (filter.outcome !== "all") parameters.set("outcome", filter.outcome);
  if (filter.function) parameters.set("function", filter.function);
  const query = parameters.size ? `?${parameters}` : "";
  return path || query ? `#/${path}${query}` : location.pathname;
}

let current = "";

// Shows a path in the URL. With `replace`, back does not return to what was shown before.
export function navigate(path, { replace = false } = {}) {
  const hash = hashOf(path);
  if (hash !== location.hash && (hash.startsWith("#") || location.hash)) history[replace || path === current ? "replaceState" : "pushState"](null, "", hash);
  current = path;
}

// Keeps the path, and shows the changed filter.
export function updateFilter() {
  navigate(current, { replace: true });
}

export function onRoute(listener) {
  addEventListener("popstate", () => {
    current = location.hash.slice(2).split("?")[0];
    listener(readRoute());
  });
}
