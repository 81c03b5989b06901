// The details of one ledger entry: its fields, links to what it belongs to, and its metadata as JSON.

import { api } from "./api.js";
import { changedPaths, jsonLines } from "./changes.js";
import { ID_KEYS, entryAddress, entryName, formatNumber } from "./collections.js";
import { badge, byId, fullTime, h, humanize, iconButton, notice, parseTime } from "./dom.js";

const MOST_PATHS_TOLD = 6;

/** `onClose` runs when the person closes the panel. */
export function createDetail(memory, onClose) {
  const panel = byId("ledger-detail");
  const box = panel.parentElement;
  const title = h("h2", { tabindex: "-1" });
  const body = h("div", { class: "detail-body" });
  let shown = null;
  let asked = 0;

  panel.append(h("header", { class: "detail-head" }, h("span", { class: "detail-back" }, iconButton("Back to the list", "back", { on: { click: onClose } })), title, h("span", { class: "detail-close" }, iconButton("Close details", "close", { on: { click: onClose } }))), body);
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    onClose();
  });

  async function load() {
    asked += 1;
    const mine = asked;
    const { collection, id } = shown;
    try {
      const entry = await api.ledgerEntry(collection, id);
      if (mine !== asked) return;
      title.textContent = entryName(collection, entry);
      // A link that had the focus is found again by where it leads.
      const focused = body.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      body.replaceChildren(metadata(collection, entry), fields(collection, entry));
      if (focused) body.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    } catch (error) {
      if (mine !== asked) return;
      title.textContent = "Details";
      body.replaceChildren(notice({ title: "This entry could not be read", body: error.message, tone: "danger", "data-testid": "error-banner" }));
    }
  }

  function fields(collection, entry) {
    const names = Object.keys(entry).filter((name) => name !== "meta_data");
    const first = ID_KEYS[collection];
    names.sort((left, right) => (right === first) - (left === first));
    const empty = names.filter((name) => isEmpty(entry[name]));
    const filled = names.filter((name) => !isEmpty(entry[name]));
    return h(
      "section",
      { "aria-labelledby": "fields-title" },
      h("h3", { id: "fields-title", text: "Fields" }),
      h("dl", { class: "fields" }, filled.map((name) => h("div", {}, h("dt", { text: humanize(name), title: name }), h("dd", {}, fieldValue(name, entry[name]))))),
      empty.length > 0 && h("p", { class: "hint", text: `Not set: ${empty.map((name) => humanize(name).toLowerCase()).join(", ")}.` }),
    );
  }

  function metadata(collection, entry) {
    const value = entry.meta_data ?? null;
    const standing = memory.standing(collection, entry);
    const before = standing === "changed" ? memory.before(entry[ID_KEYS[collection]]) : standing === "new" ? null : undefined;
    const paths = standing === "changed" ? changedPaths(value, before) : [];
    const told = paths.slice(0, MOST_PATHS_TOLD).join(", ") + (paths.length > MOST_PATHS_TOLD ? ` and ${paths.length - MOST_PATHS_TOLD} more` : "");
    return h(
      "section",
      { "aria-labelledby": "metadata-title" },
      h("h3", { id: "metadata-title" }, "Metadata", standing !== "same" && badge(standing === "new" ? "New" : "Changed", "accent")),
      standing === "changed" && h("p", { class: "changed-note", role: "status" }, "Changed since you opened this page: ", h("code", { text: told })),
      standing === "new" && h("p", { class: "changed-note", text: "This entry did not exist when you opened this page." }),
      h("pre", { class: "json", "data-testid": "ledger-metadata", tabindex: "0", "aria-label": "Metadata as JSON" }, h("code", {}, printed(value, before))),
    );
  }

  return {
    /** Shows an entry and puts the focus on its title; what is already shown is not loaded again. */
    show(collection, id) {
      if (shown?.id === id && shown.collection === collection) return title.focus();
      shown = { collection, id };
      panel.hidden = false;
      box.dataset.detail = "open";
      title.textContent = "Loading";
      body.replaceChildren();
      load();
      title.focus();
    },
    hide() {
      shown = null;
      asked += 1;
      panel.hidden = true;
      box.dataset.detail = "closed";
    },
    refresh() {
      if (shown) load();
    },
  };
}

/** Empty strings, nulls and Core's zero time are all its ways to say that a field is not set. */
const isEmpty = (value) => value === "" || value === null || value === undefined || (typeof value === "string" && value.startsWith("0001-01-01T"));

function fieldValue(name, value) {
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "number" || JSON.isRawJSON?.(value)) return h("span", { class: "number", text: formatNumber(value) });
  if (typeof value === "object") return h("pre", { class: "json json-small" }, h("code", { text: JSON.stringify(value, null, 2) }));
  const address = entryAddress(value);
  if (address) return name === ID_KEYS[address.split("/")[1]] && location.hash === address ? h("code", { text: value }) : h("a", { href: address }, h("code", { text: value }));
  if (/^\d{4}-\d\d-\d\dT/.test(value) && parseTime(value)) return h("time", { datetime: value, title: value, text: name === "dob" ? value.slice(0, 10) : fullTime(value) });
  return value;
}

/** The lines of the metadata. Their text together is exactly the JSON; marks are classes only. */
function printed(value, before) {
  return jsonLines(value, before).flatMap((line, index) => [
    index > 0 ? "\n" : null,
    h(
      "span",
      { class: line.changed ? "line line-changed" : "line", "data-changed": line.changed ? "true" : null },
      line.indent,
      line.key && h("span", { class: "json-key", text: line.key }),
      h("span", { class: `json-${line.kind}`, text: line.text }),
    ),
  ]);
}
