// Building elements without ever parsing markup: data only becomes text nodes and attribute values, so a name such as
// "<img onerror=…>" is shown as written.

const SVG = "http://www.w3.org/2000/svg";

// Makes an element. `properties` are attributes, except `on` (an object of event listeners); false, null and undefined are
// left out, true writes the bare attribute. Children may be nodes, strings, numbers, nested arrays, or null for nothing.
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else {
      setAttribute(element, name, value);
    }
  }
  element.append(...present(children));
  return element;
}

// Replaces everything inside `parent`.
export function fill(parent, ...children) {
  parent.replaceChildren(...present(children));
}

// Sets, or for false, null and undefined removes, one attribute.
export function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

export function byId(id) {
  return document.getElementById(id);
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

// Line icons on a 20 by 20 grid, drawn with the color of the text around them.
const PATHS = {
  person: "M10 10a3.25 3.25 0 1 0 0-6.5 3.25 3.25 0 0 0 0 6.5ZM3.75 16.75c.6-3 3-4.75 6.25-4.75s5.65 1.75 6.25 4.75",
  building: "M4.5 16.75V4.25h7v12.5M11.5 8.25h4v8.5M2.75 16.75h14.5M7 7.25h2M7 10h2M7 12.75h2",
  other: "M10 3.25 16.75 7v6L10 16.75 3.25 13V7L10 3.25ZM3.25 7 10 10.75 16.75 7M10 10.75v6",
  search: "M9 14.25a5.25 5.25 0 1 0 0-10.5 5.25 5.25 0 0 0 0 10.5ZM13 13l3.75 3.75",
  back: "M11.75 4.75 6.5 10l5.25 5.25",
  check: "M4.5 10.5l3.5 3.75L15.5 6",
  cross: "M5.5 5.5l9 9M14.5 5.5l-9 9",
  eye: "M2.5 10S5.25 5 10 5s7.5 5 7.5 5-2.75 5-7.5 5-7.5-5-7.5-5ZM10 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
  lock: "M5.25 9.25h9.5v7h-9.5v-7ZM7 9.25v-2a3 3 0 0 1 6 0v2",
  bell: "M5.25 13.5V9a4.75 4.75 0 0 1 9.5 0v4.5l1.25 1H4l1.25-1ZM8.5 16.75h3",
  warning: "M10 3.5 17.5 16.5h-15L10 3.5ZM10 8.5v3.5M10 14.25v.1",
  clock: "M10 16.75a6.75 6.75 0 1 0 0-13.5 6.75 6.75 0 0 0 0 13.5ZM10 6.5V10l2.5 1.75",
  inbox: "M3 11.5 5.25 4.5h9.5L17 11.5v4.25H3V11.5ZM3 11.5h4.25l1 2h3.5l1-2H17",
};

// An icon by name; it is decoration, so the words beside it must say the same.
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] ?? PATHS.other);
  svg.append(path);
  return svg;
}
