// Building blocks for the page. Everything shown goes in as text or as an attribute;
// nothing here parses markup, so data from the API can never become elements.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = "/dashboard/assets/icons.svg";

/**
 * Makes an element. `props` may hold `class`, `text`, `on` (event name to handler), `data`
 * (dataset entries) and any attribute; null, undefined and false are left out, true is "".
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name === "on") for (const [event, run] of Object.entries(value)) element.addEventListener(event, run);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A decorative icon from icons.svg, hidden from assistive technology. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${ICONS}#${name}`);
  svg.append(use);
  return svg;
}

export const byId = (id) => document.getElementById(id);

/** A small colored label. `tone` is neutral, accent, success, warning, danger or info. */
export const badge = (text, tone = "neutral", props = {}) => h("span", { class: `badge badge-${tone}`, ...props }, text);

export const spinner = () => h("span", { class: "spinner", "aria-hidden": "true" });

/** A button whose label is text, with an optional icon before it. */
export function button(text, { icon: name, kind = "", ...props } = {}) {
  return h("button", { type: "button", class: `button ${kind}`.trim(), ...props }, name && icon(name), h("span", { text }));
}

/** A button that shows only an icon; `label` is its name for everyone who cannot see it. */
export function iconButton(label, name, props = {}) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, ...props }, icon(name));
}

/** The same shape for "nothing here yet", "that failed" and "loading". */
export function notice({ title, body = [], actions = [], tone = "quiet", busy = false, ...props }) {
  return h(
    "div",
    { class: `notice notice-${tone}`, role: tone === "danger" ? "alert" : null, ...props },
    busy && spinner(),
    h("h2", { text: title }),
    [body].flat().map((line) => (typeof line === "string" ? h("p", { text: line }) : line)),
    actions.length > 0 && h("div", { class: "actions" }, actions),
  );
}

/** Shows an API failure above the view. One at a time; `retry` adds a button. */
export function showBanner(message, retry) {
  const close = iconButton("Dismiss", "close", { on: { click: clearBanner } });
  const again = retry && button("Try again", { kind: "button-small", on: { click: () => (clearBanner(), retry()) } });
  byId("banner-place").replaceChildren(
    h("div", { class: "banner", role: "alert", "data-testid": "error-banner" }, icon("warning"), h("p", { text: message }), again, close),
  );
}

export function clearBanner() {
  byId("banner-place").replaceChildren();
}

/** Says something once, visibly and to screen readers, and takes it away again. */
export function toast(message) {
  const note = h("p", { class: "toast" }, icon("check"), h("span", { text: message }));
  byId("toasts").append(note);
  setTimeout(() => note.remove(), 6000);
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const STEPS = [["day", 86400], ["hour", 3600], ["minute", 60]];

/** Parses a time of the API. Core's zero time (year 1) means "not set" and gives null, as does nonsense. */
export function parseTime(value) {
  const time = typeof value === "string" ? new Date(value) : null;
  return time && !Number.isNaN(time.getTime()) && time.getUTCFullYear() > 1 ? time : null;
}

export const clockTime = (value) => (parseTime(value) ? clock.format(parseTime(value)) : "");
export const fullTime = (value) => (parseTime(value) ? dayAndTime.format(parseTime(value)) : "–");

/** "3 minutes ago", as a <time> element that also carries the exact moment. */
export function ago(value) {
  const time = parseTime(value);
  if (!time) return h("span", { text: "–" });
  const seconds = (time.getTime() - Date.now()) / 1000;
  const [unit, size] = STEPS.find(([, length]) => Math.abs(seconds) >= length) ?? [null, 1];
  const text = unit ? relative.format(Math.round(seconds / size), unit) : "just now";
  return h("time", { datetime: time.toISOString(), title: dayAndTime.format(time), text });
}

export function formatBytes(count) {
  if (typeof count !== "number") return "";
  if (count < 1000) return `${count} B`;
  return count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

export function formatDuration(milliseconds) {
  if (typeof milliseconds !== "number") return "";
  if (milliseconds === 0) return "<1 ms";
  if (milliseconds < 10) return `${Number(milliseconds.toFixed(1))} ms`;
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** "data_read" and "balanceId" become "Data read" and "Balance ID". */
export function humanize(key) {
  if (key === "dob") return "Date of birth";
  const words = key
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .replace(/[_-]+/g, " ")
    .trim()
    .toLowerCase()
    .replace(/\b(id|api|url)\b/g, (word) => word.toUpperCase());
  return words.charAt(0).toUpperCase() + words.slice(1);
}
