// The dialog that saves an invocation as a check: an event file and its expected response.

import { $, copyButton, h } from "./dom.js";
import { request } from "./api.js";

export function saveAsCheckDialog(row) {
  const dialog = $("save-check");
  const name = h("input", { type: "text", value: suggestName(row), "aria-label": "Name", required: true, spellcheck: "false" });
  const error = h("div", { role: "status" });
  const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = h("form", { onsubmit: async (event) => {
    event.preventDefault();
    try {
      const { saved, files } = await request("POST", `rows/${row.id}/save-as-check`, { name: name.value });
      dialog.replaceChildren(h("h2", {}, saved ? "Saved as a check" : "Copy these two files into your project"), ...files.map((file) => fileView(file, saved)),
        h("form", { method: "dialog" }, h("div", { class: "line" }, h("button", { class: "primary" }, "Done"))));
    } catch (failure) {
      error.replaceChildren(h("p", { class: "problem" }, failure.message));
    }
  } }, h("label", {}, "Saves the event to events/ and the response as expected.", name), error,
    h("div", { class: "line" }, cancel, h("button", { class: "primary" }, "Save")));
  dialog.replaceChildren(h("h2", {}, "Save as check"), form);
  dialog.showModal();
  name.select();
}

function fileView({ path, text }, saved) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "application/json" })), download: path.split("/").at(-1) }, "Download");
  return h("div", {}, h("h3", {}, path, h("span", { class: "spacer" }), saved ? null : copyButton(text), saved ? null : link), h("pre", { tabindex: 0 }, text));
}

function suggestName(row) {
  const words = row.label.replace(/\.(json|http)$/, "").toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  return `${words || "event"}_${row.requestId.slice(0, 4)}.json`;
}
