// What the page says: one visible message, and announcements that only screen readers need.

import { byId, fill, h, icon } from "./dom.js";

let shownFor = null;

// Shows a message until it is dismissed, replaced, or its subject is left. `kind` is info, success, warning or danger;
// `subject` names what it is about; `actions` are {label, run}.
export function showMessage(text, { kind = "info", subject = null, actions = [] } = {}) {
  const line = byId("notice-text");
  shownFor = subject;
  line.setAttribute("aria-live", kind === "danger" ? "assertive" : "polite");
  line.textContent = text;
  byId("notice").dataset.kind = kind;
  fill(
    byId("notice-actions"),
    actions.map(({ label, run }) =>
      h("button", { class: "button button-small", type: "button", on: { click: () => { clearMessage(); run(); } } }, label),
    ),
    h("button", { class: "icon-button", type: "button", "aria-label": "Dismiss the message", on: { click: clearMessage } }, icon("cross")),
  );
}

export function clearMessage() {
  shownFor = null;
  byId("notice-text").textContent = "";
  delete byId("notice").dataset.kind;
  fill(byId("notice-actions"));
}

// Takes a message away once another subject is opened.
export function leaveMessagesOfOthers(subject) {
  if (shownFor !== subject) clearMessage();
}

export function announce(text) {
  byId("announcer").textContent = text;
}
