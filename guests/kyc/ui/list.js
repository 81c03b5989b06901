// The list of identities: status tabs, search, pages, and what is shown while loading, when empty, and on failure.

import { isAbort, listIdentities } from "./api.js";
import { byId, fill, h, icon, setAttribute } from "./dom.js";
import { countOf } from "./format.js";
import { announce } from "./notice.js";
import { emptyState, failedState, identityRow, missingReadState, skeletonRows } from "./rows.js";

const SEARCH_PAUSE_MS = 300; // long enough that a typed word is one request
const TAB_LABELS = { pending: "Pending", review: "In review", approved: "Approved", rejected: "Rejected", all: "All" };

// Takes `onOpen(id)`, called when a person opens an identity. Returns what the rest of the page may do with the list.
export function createList({ onOpen }) {
  const results = byId("results");
  const searchInput = byId("search");
  const tabs = [...byId("statuses").querySelectorAll("[data-status]")];

  let view = { status: "pending", query: "", page: 1 };
  let shown = { items: [], total: 0, pageSize: 20 };
  let openId = null;
  let readGranted = true;
  let request = null;
  let searchTimer = null;
  const totals = new Map(); // status → how many, from answers without a search

  fill(byId("search-icon"), icon("search"));
  wireTabs();
  wireSearch();
  byId("previous-page").addEventListener("click", () => turnPage(-1));
  byId("next-page").addEventListener("click", () => turnPage(1));
  results.addEventListener("click", (event) => {
    const row = event.target.closest("[data-id]");
    if (row) onOpen(row.dataset.id);
  });
  results.addEventListener("keydown", moveBetweenRows);
  paintTabs();

  // === loading ===

  // Asks for the current view. With `quiet` the old rows stay until the new ones are there.
  async function load({ quiet = false } = {}) {
    request?.abort();
    if (!readGranted) {
      fill(results, missingReadState());
      results.setAttribute("aria-busy", "false");
      return;
    }
    const mine = new AbortController();
    request = mine;
    results.setAttribute("aria-busy", "true");
    if (!quiet) {
      byId("pager").hidden = true;
      fill(results, skeletonRows());
    }
    try {
      const asked = { ...view };
      const answer = await listIdentities(asked, mine.signal);
      if (request !== mine) return;
      take(answer, asked);
    } catch (problem) {
      if (request !== mine || isAbort(problem)) return;
      shown = { ...shown, items: [] };
      byId("pager").hidden = true;
      fill(results, failedState(problem, () => load()));
      announce(`The list could not be loaded. ${problem.message}`);
    }
    if (request === mine) results.setAttribute("aria-busy", "false");
  }

  function take(answer, asked) {
    const pageSize = answer.page_size || 20;
    const items = Array.isArray(answer.items) ? answer.items : [];
    const total = Number.isFinite(answer.total) ? answer.total : items.length;
    const lastPage = Math.max(1, Math.ceil(total / pageSize));
    if (items.length === 0 && asked.page > lastPage) {
      // The last row of the last page was decided: show the page that is now the last.
      view.page = lastPage;
      load();
      return;
    }
    shown = { items, total, pageSize };
    if (asked.query === "") totals.set(asked.status, total);
    paintTabs();
    paintRows();
    paintPager(lastPage);
    announce(`${countOf(total, "identity", "identities")}, ${TAB_LABELS[asked.status]}, page ${view.page} of ${lastPage}.`);
  }

  // === painting ===

  function paintTabs() {
    for (const tab of tabs) {
      const status = tab.dataset.status;
      const selected = status === view.status;
      const total = totals.get(status);
      setAttribute(tab, "aria-selected", selected ? "true" : "false");
      tab.tabIndex = selected ? 0 : -1;
      fill(
        tab,
        h("span", { class: "status-tab-count", "aria-hidden": total === undefined ? "true" : null }, total === undefined ? "–" : total.toLocaleString("en-GB")),
        " ",
        h("span", { class: "status-tab-label" }, TAB_LABELS[status]),
      );
    }
  }

  function paintRows() {
    const focused = document.activeElement?.closest?.("[data-id]")?.dataset.id;
    if (shown.items.length === 0) {
      fill(results, emptyState(view, { searchEverywhere: () => select("all"), clearSearch }));
      return;
    }
    const mixed = view.status === "all";
    fill(results, h("ul", { class: "rows" }, shown.items.map((item) => h("li", {}, identityRow(item, { open: item.id === openId, mixed })))));
    if (focused) rowOf(focused)?.focus({ preventScroll: true });
  }

  function paintPager(lastPage) {
    byId("pager").hidden = lastPage <= 1;
    byId("previous-page").disabled = view.page <= 1;
    byId("next-page").disabled = view.page >= lastPage;
    byId("page-place").textContent = `Page ${view.page} of ${lastPage}`;
  }

  function rowOf(id) {
    return results.querySelector(`[data-id="${CSS.escape(id)}"]`);
  }

  // === moving ===

  function select(status) {
    if (view.status === status) {
      load({ quiet: shown.items.length > 0 });
      return;
    }
    view = { ...view, status, page: 1 };
    results.scrollTop = 0;
    paintTabs();
    load();
  }

  function turnPage(step) {
    view = { ...view, page: Math.max(1, view.page + step) };
    results.scrollTop = 0;
    results.focus({ preventScroll: true });
    load();
  }

  function search(query) {
    clearTimeout(searchTimer);
    if (query === view.query) return;
    view = { ...view, query, page: 1 };
    load();
  }

  function clearSearch() {
    searchInput.value = "";
    searchInput.focus();
    search("");
  }

  function wireSearch() {
    byId("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      search(searchInput.value.trim());
    });
    searchInput.addEventListener("input", () => {
      clearTimeout(searchTimer);
      searchTimer = setTimeout(() => search(searchInput.value.trim()), SEARCH_PAUSE_MS);
    });
    searchInput.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown") return;
      event.preventDefault();
      results.querySelector("[data-id]")?.focus();
    });
  }

  function wireTabs() {
    for (const [place, tab] of tabs.entries()) {
      tab.addEventListener("click", () => select(tab.dataset.status));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1, Home: -place, End: tabs.length - 1 - place }[event.key];
        if (step === undefined) return;
        event.preventDefault();
        const next = tabs[(place + step + tabs.length) % tabs.length];
        select(next.dataset.status);
        next.focus();
      });
    }
  }

  function moveBetweenRows(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const rows = [...results.querySelectorAll("[data-id]")];
    const place = rows.indexOf(event.target.closest("[data-id]"));
    if (place < 0) return;
    const next = { ArrowDown: place + 1, j: place + 1, ArrowUp: place - 1, k: place - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    if (next < 0) searchInput.focus();
    else rows[Math.min(next, rows.length - 1)].focus();
  }

  return {
    start({ canRead }) {
      readGranted = canRead;
      searchInput.disabled = !canRead;
      for (const tab of tabs) tab.disabled = !canRead;
      load();
    },
    // After a decision: the counts of the other statuses are no longer known.
    refresh() {
      totals.clear();
      load({ quiet: true });
    },
    markOpen(id) {
      openId = id;
      for (const row of results.querySelectorAll("[data-id]")) {
        setAttribute(row, "aria-current", row.dataset.id === id ? "true" : null);
      }
    },
    focusRow(id) {
      (rowOf(id) ?? results.querySelector("[data-id]") ?? searchInput).focus();
    },
    // The identity to look at after `id`, taken from the rows as they stand before a refresh; null at the end.
    nextAfter(id) {
      const place = shown.items.findIndex((item) => item.id === id);
      return place < 0 ? null : (shown.items[place + 1] ?? null);
    },
  };
}
