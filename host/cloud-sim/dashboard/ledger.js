// The ledger browser: tabs, search and pages of a list. The entry in the address is shown beside it.

import { api } from "./api.js";
import { createMemory } from "./changes.js";
import { COLUMNS, ID_KEYS, NAME_TITLES, entryAddress, entryName } from "./collections.js";
import { badge, button, byId, h, humanize, notice } from "./dom.js";
import { createDetail } from "./ledger-detail.js";

const PAGE_SIZE = 20;
const NAMES = Object.keys(ID_KEYS);

export function createLedger() {
  const memory = createMemory();
  const list = byId("ledger-list");
  const search = byId("ledger-search");
  const box = h("div", { class: "table-box" });
  const count = h("p", { class: "count", role: "status" });
  const pages = h("nav", { class: "pages", "aria-label": "Pages" });
  const detail = createDetail(memory, () => (location.hash = `#ledger/${view.collection}`));
  const tabs = new Map(NAMES.map((name) => [name, makeTab(name)]));
  let view = { collection: null, page: 1, q: "", id: null };
  let asked = 0;
  let answer = null;

  byId("ledger-tabs").append(...tabs.values());
  list.append(box, h("div", { class: "list-foot" }, count, pages));

  function makeTab(name) {
    return h("button", {
      type: "button",
      role: "tab",
      id: `ledger-tab-${name}`,
      "data-testid": `ledger-tab-${name}`,
      "aria-controls": "ledger",
      text: humanize(name),
      on: { click: () => (location.hash = `#ledger/${name}`), keydown: moveBetweenTabs },
    });
  }

  function moveBetweenTabs(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = NAMES.indexOf(view.collection);
    const next = event.key === "Home" ? 0 : event.key === "End" ? NAMES.length - 1 : step && (at + step + NAMES.length) % NAMES.length;
    if (next === undefined) return;
    event.preventDefault();
    location.hash = `#ledger/${NAMES[next]}`;
    tabs.get(NAMES[next]).focus();
  }

  async function load() {
    asked += 1;
    const mine = asked;
    const { collection, page, q } = view;
    try {
      const next = await api.ledger(collection, { q, page, pageSize: PAGE_SIZE });
      if (mine !== asked) return;
      if (next.data.length === 0 && page > 1) return goTo(Math.max(1, Math.ceil(next.total / PAGE_SIZE)));
      answer = next;
      render();
    } catch (error) {
      if (mine !== asked) return;
      answer = null;
      count.textContent = "";
      pages.replaceChildren();
      box.replaceChildren(notice({ title: "This collection could not be read", body: error.message, tone: "danger", "data-testid": "error-banner", actions: [button("Try again", { on: { click: load } })] }));
    }
  }

  function goTo(page) {
    view.page = page;
    return load();
  }

  function render() {
    const { collection, q } = view;
    const total = answer.total ?? answer.data.length;
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    count.textContent = q ? `${total} found for “${q}”` : `${total} ${total === 1 ? "entry" : "entries"}`;
    if (answer.data.length === 0) {
      box.replaceChildren(notice({ title: q ? "Nothing matches" : "Nothing here yet", body: q ? "Try fewer letters, or another collection." : "What apps and people write to this ledger will appear here." }));
    } else {
      const columns = COLUMNS[collection];
      box.replaceChildren(
        h(
          "table",
          { class: "table" },
          h("caption", { class: "sr", text: humanize(collection) }),
          h("thead", {}, h("tr", {}, h("th", { scope: "col", text: NAME_TITLES[collection] }), columns.map((column) => h("th", { scope: "col", class: columnClass(column), text: column.title })))),
          h("tbody", {}, answer.data.map((entry) => row(entry, columns))),
        ),
      );
    }
    renderPages(total);
    markSelected();
    if (focused) list.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  }

  const columnClass = ({ number, optional }) => [number && "number", optional && "optional"].filter(Boolean).join(" ") || null;

  function row(entry, columns) {
    const id = String(entry[ID_KEYS[view.collection]] ?? "");
    const standing = memory.standing(view.collection, entry);
    const open = () => (location.hash = entryAddress(id) ?? `#ledger/${view.collection}/${encodeURIComponent(id)}`);
    return h(
      "tr",
      { "data-testid": `ledger-row-${id}`, "data-id": id, on: { click: (event) => event.target.closest("a") || open() } },
      h(
        "td",
        { class: "name" },
        h("a", { href: `#ledger/${view.collection}/${encodeURIComponent(id)}`, "data-focus": id, text: entryName(view.collection, entry) }),
        standing !== "same" && badge(standing === "new" ? "New" : "Changed", "accent", { "data-testid": "ledger-changed" }),
      ),
      columns.map((column) => h("td", { class: columnClass(column) }, column.show(entry))),
    );
  }

  function renderPages(total) {
    const last = Math.max(1, Math.ceil(total / PAGE_SIZE));
    const step = (label, page, off) => button(label, { kind: "button-small", "data-focus": label, "aria-disabled": off ? "true" : null, on: { click: () => off || goTo(page) } });
    const buttons = [step("Previous", view.page - 1, view.page <= 1), h("span", { text: `Page ${view.page} of ${last}` }), step("Next", view.page + 1, view.page >= last)];
    pages.replaceChildren(...(last > 1 ? buttons : []));
  }

  function markSelected() {
    for (const tr of list.querySelectorAll("tr[data-id]")) {
      const selected = tr.dataset.id === view.id;
      tr.classList.toggle("selected", selected);
      if (selected) tr.querySelector("a").setAttribute("aria-current", "true");
      else tr.querySelector("a").removeAttribute("aria-current");
    }
  }

  let typing = 0;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      view.q = search.value.trim();
      goTo(1);
    }, 200);
  });

  function selectTab(name) {
    for (const [each, tab] of tabs) {
      tab.setAttribute("aria-selected", String(each === name));
      tab.tabIndex = each === name ? 0 : -1;
    }
    byId("ledger").setAttribute("aria-labelledby", `ledger-tab-${name}`);
  }

  return {
    /**
     * Shows a collection, and an entry's details when `id` is given. `entering` says that another
     * view was shown before. Returns whether the focus has been dealt with.
     */
    show(name, id, entering) {
      const collection = NAMES.includes(name) ? name : "identities";
      const closed = view.id;
      if (collection !== view.collection) {
        search.value = "";
        view = { collection, page: 1, q: "", id: null };
        box.replaceChildren(notice({ title: "Loading", busy: true }));
        selectTab(collection);
        load();
      } else if (entering) load();
      view.id = id || null;
      if (view.id) detail.show(collection, view.id);
      else detail.hide();
      markSelected();
      if (closed && !view.id && !entering) list.querySelector(`[data-focus="${CSS.escape(closed)}"]`)?.focus();
      return Boolean(view.id) || !entering;
    },
    /** Something in the ledger changed: reads the shown page and the shown entry again. */
    refresh() {
      if (view.collection) load();
      detail.refresh();
    },
    /** Remembers how everything is now. A failure costs only the marks of what changed. */
    remember: () => memory.fill().catch(() => {}),
    /** After a new seed: what is there now is the new "before". */
    async startOver() {
      memory.forget();
      await this.remember();
      this.refresh();
    },
  };
}
