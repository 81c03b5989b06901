// The switches that make the simulated Cloud misbehave. Whatever the API holds is shown, by its type;
// known keys get a hint, and a new one needs no change here.

import { api } from "./api.js";
import { byId, h, humanize, icon } from "./dom.js";
import { groupSwitches } from "./switch-hints.js";

const UNITS = { ms: "ms", seconds: "s", secs: "s", percent: "percent", pct: "percent", bytes: "bytes" };

/** "latency_ms" gives ["Latency", "ms"]. */
function labelOf(key) {
  const words = key.split("_");
  const unit = words.length > 1 ? UNITS[words.at(-1)] : undefined;
  return [humanize(unit ? words.slice(0, -1).join("_") : key), unit ?? null];
}

/** How a switch of each type is shown, read from its control and written to it. */
const KINDS = {
  toggle: {
    control: () => ({ type: "checkbox", role: "switch", class: "toggle" }),
    read: (input) => input.checked,
    write: (input, value) => (input.checked = value),
  },
  number: {
    control: () => ({ type: "number", class: "input", step: "any", inputmode: "decimal", required: true }),
    read: (input) => (input.value.trim() === "" ? undefined : Number(input.value)),
    write: (input, value) => (input.value = String(value)),
  },
  // null means "not set": an empty field. What is typed counts as JSON where it is JSON, else as text.
  text: {
    control: () => ({ type: "text", class: "input", placeholder: "Not set", spellcheck: "false" }),
    read: (input) => readText(input.value.trim()),
    write: (input, value) => (input.value = value === null ? "" : typeof value === "string" ? value : JSON.stringify(value)),
  },
};

function readText(typed) {
  if (typed === "") return null;
  try {
    return JSON.parse(typed);
  } catch {
    return typed;
  }
}

function kindOf(value) {
  if (typeof value === "boolean") return "toggle";
  return typeof value === "number" ? "number" : "text";
}

export function createSwitches() {
  const form = byId("switches");
  const fields = new Map();
  let values = {};

  form.addEventListener("submit", (event) => event.preventDefault());

  function makeField(key, value, hint) {
    const kind = kindOf(value);
    const [label, unit] = labelOf(key);
    const input = h("input", { id: `switch-${key}`, name: key, "data-testid": `switch-${key}`, "aria-describedby": `switch-${key}-note`, ...KINDS[kind].control() });
    const note = h("p", { class: "switch-note", id: `switch-${key}-note` });
    const element = h(
      "div",
      { class: "switch" },
      h("label", { for: input.id }, h("span", { class: "switch-label", text: label }), hint ? h("span", { class: "switch-hint", text: hint }) : h("code", { text: key })),
      h("div", { class: "switch-control" }, input, unit && h("span", { class: "switch-unit", text: unit })),
      note,
    );
    input.addEventListener("change", () => save(key));
    return { kind, input, note, element };
  }

  function group(title, entries) {
    for (const [key, hint] of entries) fields.set(key, makeField(key, values[key], hint));
    const rows = entries.map(([key]) => fields.get(key).element);
    return h("section", { class: "switch-group", "aria-label": title }, h("h2", { text: title }), h("div", { class: "switch-rows" }, rows));
  }

  async function save(key) {
    const { kind, input, note } = fields.get(key);
    const value = KINDS[kind].read(input);
    if (value === undefined || Number.isNaN(value)) return fail(key, "This needs a number.");
    try {
      values = await api.setSwitches({ [key]: value });
      note.removeAttribute("role");
      note.replaceChildren();
      input.removeAttribute("aria-invalid");
      show();
    } catch (error) {
      fail(key, error.message);
    }
  }

  function fail(key, message) {
    const { kind, input, note } = fields.get(key);
    note.setAttribute("role", "alert");
    note.replaceChildren(icon("warning"), h("span", { text: message }));
    input.setAttribute("aria-invalid", "true");
    // A toggle must not look switched when it is not; typed text stays, to be mended.
    if (kind === "toggle") KINDS[kind].write(input, values[key]);
  }

  function show() {
    for (const [key, { kind, input, element }] of fields) {
      const edited = input === document.activeElement && kind !== "toggle";
      if (!edited && input.getAttribute("aria-invalid") !== "true") KINDS[kind].write(input, values[key]);
      element.dataset.on = String(values[key] === true);
    }
  }

  return {
    update(next) {
      values = next;
      const sameKeys = [...fields.keys()].sort().join() === Object.keys(next).sort().join();
      // A field made for null takes whatever the switch holds later; others keep the type they began with.
      if (!sameKeys) {
        fields.clear();
        form.replaceChildren(...groupSwitches(Object.keys(next)).map(([title, entries]) => group(title, entries)));
      }
      show();
    },
  };
}
