// The live list of every request between Cloud and apps, newest first. One element serves as a page
// of its own and, on wide screens, as a drawer under the other views.

import { api } from "./api.js";
import { shortenIds } from "./collections.js";
import { button, byId, clockTime, formatBytes, formatDuration, h, icon, showBanner } from "./dom.js";

/** Records kept, and rows shown of them. */
const KEPT = 2000;
const SHOWN = 400;
/** New rows are added in batches: a burst of requests must not lay the page out once for each. */
const BATCH_MS = 60;
/** Stands for the newest record while there is none. */
const NOTHING = { seq: 0, at: "" };
const DIRECTIONS = [["", "Both directions"], ["cloud-to-app", "Cloud to app"], ["app-to-cloud", "App to Cloud"]];

const isError = ({ status }) => status === null || status === undefined || status >= 400;

export function createRequests() {
  const section = byId("requests");
  const list = byId("requests-list");
  const empty = byId("requests-empty");
  const toggle = byId("requests-toggle");
  const records = new Map();
  const waiting = new Map();
  let newest = NOTHING;
  let clearedUpTo = 0;
  let paused = false;
  let timer = null;
  let closedByHand = false;

  const text = h("input", { type: "search", class: "input input-small", placeholder: "Filter", "aria-label": "Filter by path, method, scope, status or note", "data-testid": "requests-filter", autocomplete: "off", spellcheck: "false", on: { input: renderAll } });
  const direction = h("select", { class: "input input-small", "aria-label": "Direction", "data-testid": "requests-filter-direction", on: { change: renderAll } }, DIRECTIONS.map(([value, label]) => h("option", { value, text: label })));
  const app = h("select", { class: "input input-small", "aria-label": "App", "data-testid": "requests-filter-app", on: { change: renderAll } }, h("option", { value: "", text: "All apps" }));
  const errors = button("Errors only", { kind: "button-small", "aria-pressed": "false", "data-testid": "requests-filter-errors", on: { click: () => (flip(errors), renderAll()) } });
  const pause = button("Pause", { kind: "button-small", "aria-pressed": "false", "data-testid": "requests-pause", on: { click: () => setPaused(!paused) } });
  const clear = button("Clear", { kind: "button-small", "data-testid": "requests-clear", on: { click: clearAll } });
  byId("requests-tools").append(text, direction, app, errors, pause, clear);

  const flip = (each) => each.setAttribute("aria-pressed", String(each.getAttribute("aria-pressed") !== "true"));

  function matches(record) {
    if (direction.value && record.direction !== direction.value) return false;
    if (app.value && record.app !== app.value) return false;
    if (errors.getAttribute("aria-pressed") === "true" && !isError(record)) return false;
    const wanted = text.value.trim().toLowerCase();
    const haystack = [record.method, record.path, record.scope, record.status ?? "no answer", record.note].join(" ").toLowerCase();
    return wanted === "" || haystack.includes(wanted);
  }

  /** Takes a record; one that is known already is left as it is. `arriving` marks its row as new for a moment. */
  function add(record, arriving) {
    if (record.seq <= clearedUpTo || records.has(record.seq)) return;
    if (record.seq > newest.seq) newest = record;
    records.set(record.seq, record);
    if (records.size > KEPT) records.delete(records.keys().next().value);
    waiting.set(record.seq, arriving);
    if (timer === null) timer = setTimeout(flush, BATCH_MS);
  }

  /** Takes a record of the stream. Under a flood the stream may skip some: a gap is filled by asking. */
  function addFromStream(record) {
    const gap = newest.seq > 0 && record.seq > newest.seq + 1;
    if (gap) catchUp();
    add(record, true);
  }

  function flush() {
    timer = null;
    showLatest();
    if (paused) {
      pause.querySelector("span").textContent = `Resume (${waiting.size} new)`;
      return;
    }
    for (const [seq, arriving] of [...waiting].sort(([left], [right]) => left - right)) {
      const record = records.get(seq);
      if (record && matches(record)) place(record, arriving);
    }
    waiting.clear();
    trim();
    showEmpty();
  }

  function place(record, arriving) {
    // Almost always the newest; a late one goes where its number belongs.
    const before = [...list.children].find((each) => Number(each.dataset.seq) < record.seq) ?? null;
    list.insertBefore(makeRow(record, arriving), before);
  }

  function trim() {
    while (list.childElementCount > SHOWN) list.lastElementChild.remove();
  }

  function renderAll() {
    if (!paused) waiting.clear();
    const shown = [...records.values()].filter((record) => matches(record) && !(paused && waiting.has(record.seq)));
    const latest = shown.sort((left, right) => right.seq - left.seq).slice(0, SHOWN);
    list.replaceChildren(...latest.map((record) => makeRow(record, false)));
    showEmpty();
  }

  function showEmpty() {
    empty.hidden = list.childElementCount > 0;
    empty.textContent = records.size > 0 ? "No request passes this filter." : "Nothing yet. Install or launch an app, and every request between it and Cloud appears here.";
  }

  function showLatest() {
    byId("requests-latest").textContent = newest.seq > clearedUpTo ? `${newest.method} ${shortenIds(newest.path.split("?")[0])} ${newest.status ?? "no answer"}` : "";
  }

  function setPaused(next) {
    paused = next;
    pause.setAttribute("aria-pressed", String(paused));
    pause.querySelector("span").textContent = paused ? "Resume" : "Pause";
    if (!paused) flush();
  }

  function clearAll() {
    clearedUpTo = newest.seq;
    records.clear();
    waiting.clear();
    if (paused) pause.querySelector("span").textContent = "Resume";
    renderAll();
    showLatest();
  }

  function setOpen(open) {
    section.dataset.open = String(open);
    toggle.setAttribute("aria-expanded", String(open));
  }

  toggle.addEventListener("click", () => {
    const open = section.dataset.open !== "true";
    closedByHand = !open;
    setOpen(open);
  });
  setOpen(false);
  showEmpty();

  /**
   * Asks for everything after the newest known record, and for that one again: when it is not there
   * as it was, Cloud has started anew and counts from 1 again, so the list does too.
   */
  async function catchUp() {
    const known = newest;
    try {
      let answer = await api.requests(Math.max(0, known.seq - 1));
      if (known.seq > 0 && !answer.data.some(({ seq, at }) => seq === known.seq && at === known.at)) {
        startOver();
        answer = await api.requests(0);
      }
      for (const record of answer.data) add(record, false);
    } catch (error) {
      showBanner(`The list of requests could not be read. ${error.message}`, catchUp);
    }
  }

  function startOver() {
    newest = NOTHING;
    clearedUpTo = 0;
    records.clear();
    waiting.clear();
    renderAll();
  }

  return {
    add: addFromStream,
    catchUp,
    setApps(apps) {
      const known = [...app.options].slice(1).map(({ value }) => value);
      if (known.join() === apps.map(({ slug }) => slug).join()) return;
      const chosen = app.value;
      app.replaceChildren(h("option", { value: "", text: "All apps" }), ...apps.map(({ slug, name }) => h("option", { value: slug, text: name })));
      app.value = [...app.options].some(({ value }) => value === chosen) ? chosen : "";
    },
    /** On its own page the list is always open and has no handle. */
    setFullView(full) {
      section.dataset.full = String(full);
      toggle.disabled = full;
      // Then it is the page: its main landmark and its first heading.
      if (full) section.setAttribute("role", "main");
      else section.removeAttribute("role");
      byId("requests-title").setAttribute("aria-level", full ? "1" : "2");
    },
    /** Opens the drawer when an app is launched, unless the person has closed it. */
    reveal() {
      if (!closedByHand) setOpen(true);
    },
  };
}

function makeRow(record, arriving) {
  const [path, query] = splitOnce(record.path, "?");
  const slug = record.app ?? "unknown";
  const toApp = record.direction === "cloud-to-app";
  const [from, to] = toApp ? ["Cloud", slug] : [slug, "Cloud"];
  const sizes = `${formatBytes(record.request_bytes) || "0 B"} sent, ${formatBytes(record.response_bytes) || "0 B"} back`;
  return h(
    "li",
    { class: arriving ? "request arriving" : "request", "data-testid": "request-row", "data-seq": record.seq, "data-path": record.path, "data-direction": record.direction, "data-status": record.status ?? "none" },
    h("time", { class: "request-time", datetime: record.at, text: clockTime(record.at) }),
    h("span", { class: toApp ? "request-way to-app" : "request-way to-cloud" }, from, h("span", { class: "sr", text: " to " }), icon("arrow-right"), to),
    h("span", { class: "request-method", text: record.method }),
    h("span", { class: "request-path", title: record.path }, shortenIds(path), query && h("span", { class: "request-query", text: shortenIds(query) })),
    h("span", { class: "request-scope" }, record.scope && h("span", { class: "scope", text: record.scope })),
    h("span", { class: `request-status ${statusClass(record.status)}`, text: record.status ?? "none" }, (record.status ?? null) === null && h("span", { class: "sr", text: ": no answer" })),
    h("span", { class: "request-duration", title: sizes, text: formatDuration(record.duration_ms) }),
    record.note && h("span", { class: "request-note", text: record.note }),
  );
}

/** "/a?b" at "?" gives ["/a", "?b"]; without the mark the second part is "". */
function splitOnce(value, mark) {
  const at = value.indexOf(mark);
  return at === -1 ? [value, ""] : [value.slice(0, at), value.slice(at)];
}

function statusClass(status) {
  if (status === null || status === undefined || status >= 500) return "status-danger";
  if (status >= 400) return "status-warning";
  return status >= 300 ? "status-info" : "status-success";
}
