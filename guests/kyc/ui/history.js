// What was decided before, by whom, what became of the alert, and a decision that was begun and never finished.

import { h, icon } from "./dom.js";
import { endSentence, formatMoment, statusLabel } from "./format.js";
import { statusBadge } from "./rows.js";

export function historySection(history) {
  return h(
    "section",
    { class: "card", "aria-labelledby": "history-title" },
    h("h3", { class: "card-title", id: "history-title" }, "History"),
    history.length === 0
      ? h("p", { class: "card-empty" }, "No decision has been recorded yet.")
      : h("ol", { class: "history" }, history.map(historyEntry)),
  );
}

function historyEntry(entry) {
  return h(
    "li",
    { class: `history-entry history-${entry.decision}`, "data-testid": "history-entry" },
    h("p", { class: "history-head" }, statusBadge(entry.decision), h("span", { class: "history-time" }, formatMoment(entry.at) ?? "Time unknown")),
    h("p", { class: "history-reason", dir: "auto" }, entry.reason),
    reviewer(entry.by),
    alertLine(entry.alert),
  );
}

function reviewer(by) {
  if (!by) return h("p", { class: "history-by", "data-testid": "user-unknown" }, icon("person"), "Reviewer not told by Cloud");
  return h("p", { class: "history-by" }, icon("person"), h("span", { class: "history-user" }, by));
}

// What is known about the alert, in words; null where none was called for.
export function alertSentence(alert) {
  switch (alert?.state) {
    case "raised":
      return "An alert was raised.";
    case "unknown":
      return "The outcome of the alert is unknown. It may have been raised. Look in Alerts before raising another one.";
    case "skipped":
      return alert.why ? `No alert was raised: ${endSentence(alert.why)}` : "No alert was raised.";
    default:
      return null;
  }
}

function alertLine(alert) {
  const sentence = alertSentence(alert);
  if (!sentence) return null;
  const kind = { raised: "info", unknown: "warning", skipped: "quiet" }[alert.state];
  return h(
    "p",
    { class: `alert-line alert-${kind}`, "data-testid": "alert-state", "data-state": alert.state },
    icon(alert.state === "unknown" ? "warning" : "bell"),
    h("span", {}, sentence, alert.id && h("span", { class: "alert-id" }, ` ${alert.id}`)),
  );
}

const STEPS = {
  intent: "It stopped after the decision was noted.",
  metadata: "It stopped around the update of the identity.",
  alert: "It stopped around the raising of the alert.",
};

// `progress` is "waiting", "running" or a problem's sentence; `finish` is null where finishing is not allowed.
export function unfinishedBanner(unfinished, { progress, finish }) {
  const since = formatMoment(unfinished.at);
  return h(
    "section",
    { class: "banner", "data-testid": "unfinished-banner", "aria-labelledby": "unfinished-title" },
    h("span", { class: "banner-mark" }, icon("warning")),
    h(
      "div",
      { class: "banner-body" },
      h("h3", { class: "banner-title", id: "unfinished-title" }, "A decision was begun and not finished"),
      h("p", {}, h("strong", {}, statusLabel(unfinished.decision)), since ? `, begun ${since}. ` : ". ", STEPS[unfinished.step] ?? ""),
      unfinished.reason && h("p", { class: "history-reason", dir: "auto" }, unfinished.reason),
      reviewer(unfinished.by),
      unfinished.alert === "unknown" && alertLine({ state: "unknown" }),
      progressLine(progress, finish),
    ),
  );
}

function progressLine(progress, finish) {
  if (!finish) return h("p", { class: "banner-progress" }, "Finishing it needs the data:write permission.");
  if (progress === "running") return h("p", { class: "banner-progress", role: "status" }, h("span", { class: "spinner", "aria-hidden": "true" }), "Finishing it now…");
  return h(
    "div",
    { class: "banner-progress" },
    progress !== "waiting" && h("p", {}, progress),
    h("button", { class: "button button-small", type: "button", "data-testid": "finish-decision", on: { click: finish } }, "Finish it now"),
  );
}
