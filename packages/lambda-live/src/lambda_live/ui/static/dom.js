// Elements from plain data: text is always text, so nothing that a function returns can be markup.

export const $ = (id) => document.getElementById(id);

export function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, []);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// The beginning of what was sent, beside the name of the call; it is read out when the row is opened.
export function previewed({ preview }) {
  return preview ? h("span", { class: "preview", "aria-hidden": "true" }, preview) : null;
}

export function copyButton(text) {
  const button = h("button", { type: "button", onclick: async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  } }, "Copy");
  return button;
}
