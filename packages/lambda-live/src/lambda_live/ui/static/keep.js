// Keeping an invocation as a check: an event, and the answer that it must get from now on.

import { $, copyButton, h } from "./dom.js";
import { ask } from "./api.js";

export function keepDialog(row) {
  const dialog = $("keep");
  const name = h("input", { type: "text", value: proposal(row), "aria-label": "Name", required: true, spellcheck: "false" });
  const said = h("div", { role: "status" });
  const close = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = h("form", { onsubmit: async (event) => {
    event.preventDefault();
    try {
      const kept = await ask("POST", `rows/${row.id}/keep`, { name: name.value });
      dialog.replaceChildren(h("h2", {}, kept.written ? "Kept as a check" : "Save these two files"), ...kept.files.map((file) => shown(file, kept.written)),
        h("form", { method: "dialog" }, h("div", { class: "line" }, h("button", { class: "primary" }, "Done"))));
    } catch (error) {
      said.replaceChildren(h("p", { class: "problem" }, error.message));
    }
  } }, h("label", {}, "The event and its answer become a check of this name.", name), said,
    h("div", { class: "line" }, close, h("button", { class: "primary" }, "Keep")));
  dialog.replaceChildren(h("h2", {}, "Keep as check"), form);
  dialog.showModal();
  name.select();
}

function shown({ path, text }, written) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "application/json" })), download: path.split("/").at(-1) }, "Download");
  return h("div", {}, h("h3", {}, path, h("span", { class: "gap" }), written ? null : copyButton(text), written ? null : link), h("pre", { tabindex: 0 }, text));
}

function proposal(row) {
  const words = row.call.replace(/\.(json|http)$/, "").toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  return `${words || "event"}_${row.requestId.slice(0, 4)}.json`;
}
