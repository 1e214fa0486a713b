// Creates elements from plain data. Text is always inserted as text: a function's output can't become markup.

// With these marks a text reads differently from what it is: https://trojansource.codes. The terminal escapes them, too.
const DIRECTION_MARKS = /[\u202a-\u202e\u2066-\u2069]/g;
const escaped = (mark) => `\\u${mark.charCodeAt(0).toString(16)}`;

export const $ = (id) => document.getElementById(id);

export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, []);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : value);
  }
  const shown = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...shown.map((child) => (typeof child === "string" ? child.replace(DIRECTION_MARKS, escaped) : child)));
  return element;
}

// The start of the event, beside its label. Screen readers read the event when the row is opened.
export function previewOf({ preview }) {
  return preview ? h("span", { class: "preview", "aria-hidden": "true" }, preview) : null;
}

// The children of a `dl`. `pairs` are terms and their descriptions.
export const termList = (pairs) => pairs.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]);

// `text` is the text, or a function that returns what is shown at that moment.
export function copyButton(text, label = null) {
  const button = h("button", { type: "button", "aria-label": label, onclick: async () => {
    await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  } }, "Copy");
  return button;
}
