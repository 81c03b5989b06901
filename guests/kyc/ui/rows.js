// What stands in the list: one identity, placeholders while loading, and the empty and failed states.

import { h, icon } from "./dom.js";
import { describeProblem, formatCountry, formatDay, STATUSES, statusLabel, typeOf } from "./format.js";

const SKELETON_ROWS = 8;

// One identity as a button. `mixed` lists tell each row's status; in the others the tab has said it.
export function identityRow(item, { open, mixed }) {
  const kind = typeOf(item.type);
  return h(
    "button",
    { class: "row", type: "button", "data-id": item.id, "data-testid": `identity-row-${item.id}`, "aria-current": open ? "true" : null },
    h("span", { class: "row-mark", title: kind.label }, icon(kind.icon)),
    h(
      "span",
      { class: "row-lines" },
      h(
        "span",
        { class: "row-line" },
        h("span", { class: "row-name", dir: "auto" }, item.name || "No name"),
        item.unfinished && h("span", { class: "badge badge-warning" }, "Unfinished"),
        mixed && statusBadge(item.status),
      ),
      h(
        "span",
        { class: "row-line" },
        h("span", { class: "row-contact" }, item.email || item.id),
        h("span", { class: "row-fact", title: formatCountry(item.country) }, [item.country, formatDay(item.created_at)].filter(Boolean).join(" · ")),
      ),
    ),
  );
}

export function statusBadge(status) {
  return h("span", { class: `badge badge-${status in STATUSES ? status : "pending"}` }, icon(STATUSES[status]?.icon ?? "clock"), statusLabel(status));
}

export function skeletonRows() {
  return [
    h("p", { class: "visually-hidden" }, "Loading identities…"),
    h(
      "div",
      { class: "rows", "aria-hidden": "true" },
      Array.from({ length: SKELETON_ROWS }, () =>
        h(
          "div",
          { class: "row row-skeleton" },
          h("span", { class: "row-mark skeleton" }),
          h("span", { class: "row-lines" }, h("span", { class: "skeleton skeleton-name" }), h("span", { class: "skeleton skeleton-contact" })),
        ),
      ),
    ),
  ];
}

const EMPTY = {
  pending: ["Nothing is waiting", "Every identity has been looked at. Choose the tab again to look for new ones."],
  review: ["Nobody needs a second look", "Identities marked “Needs review” are gathered here."],
  approved: ["No approvals yet", "Identities you approve are gathered here."],
  rejected: ["No rejections yet", "Identities you reject are gathered here."],
  all: ["No identities yet", "As soon as the ledger holds identities, they are listed here."],
};

export function emptyState({ status, query }, { searchEverywhere, clearSearch }) {
  if (query === "") {
    const [title, text] = EMPTY[status];
    return state("inbox", title, text);
  }
  const place = status === "all" ? "" : ` among ${statusLabel(status).toLowerCase()} identities`;
  return state("search", "No match", `Nothing${place} has “${query}” as its id, e-mail, last name or organization.`, [
    status !== "all" && h("button", { class: "button", type: "button", on: { click: searchEverywhere } }, "Search in all"),
    h("button", { class: "button button-quiet", type: "button", on: { click: clearSearch } }, "Clear the search"),
  ]);
}

export function failedState(problem, retry) {
  return state("warning", "The list could not be loaded", describeProblem(problem), [retryButton(problem, retry)]);
}

export function missingReadState() {
  return state("lock", "Identities can't be shown", h("span", { "data-testid": "missing-scope" }, "Needs the data:read permission, which was not granted at install."));
}

// A button that can be used once the time which the server asked for is over.
export function retryButton(problem, retry) {
  const button = h("button", { class: "button", type: "button", on: { click: retry } }, "Try again");
  let left = problem.isBusy ? (problem.retryAfterSeconds ?? 0) : 0;
  function tick() {
    button.disabled = left > 0;
    button.textContent = left > 0 ? `Try again in ${left} s` : "Try again";
    if (left > 0) setTimeout(tick, 1000);
    left -= 1;
  }
  tick();
  return button;
}

export function state(iconName, title, text, actions = []) {
  return h(
    "div",
    { class: "state" },
    h("span", { class: "state-mark" }, icon(iconName)),
    h("h3", { class: "state-title" }, title),
    h("p", { class: "state-text" }, text),
    h("div", { class: "state-actions" }, actions),
  );
}
