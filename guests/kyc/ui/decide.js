// The decision form: three choices, a reason, and why it can't be used where it can't.

import { h, icon, setAttribute } from "./dom.js";

const REASON_MIN = 3;
const REASON_MAX = 500; // characters, counted as the app's component counts them: whole code points, after trimming
const CHOICES = [
  { decision: "approved", label: "Approve", hint: "The identity may go on.", icon: "check" },
  { decision: "rejected", label: "Reject", hint: "The identity must not go on.", icon: "cross" },
  { decision: "review", label: "Needs review", hint: "Another person should look.", icon: "eye" },
];

// Takes what the reviewer may do, the `draft` kept for this identity, whether a decision is still `unfinished`, and
// `onSubmit({decision, reason})`, whose promise ends when the answer is there. Returns {element, showReasonError, focus}.
export function createDecideForm({ canWrite, canAlert, knowsReviewer, decidedBefore, unfinished, draft, onDraft, onSubmit }) {
  const choices = CHOICES.map((choice) => choiceOf(choice, draft.decision));
  const reason = h("textarea", {
    class: "reason", id: "reason", "data-testid": "reason", rows: "4", required: true, "aria-describedby": "reason-error reason-count",
  });
  reason.value = draft.reason;
  const counter = h("p", { class: "reason-count", id: "reason-count" });
  const choiceError = h("p", { class: "form-error", id: "choice-error", role: "alert" });
  const reasonError = h("p", { class: "form-error", id: "reason-error", role: "alert" });
  const record = h("button", { class: "button button-primary", type: "submit", "data-testid": "record-decision" }, "Record");
  const fields = h(
    "fieldset",
    { class: "decide-fields", disabled: !canWrite || unfinished },
    h("legend", { class: "visually-hidden" }, "Decision"),
    h("div", { class: "choices", role: "radiogroup", "aria-label": "Decision", "aria-describedby": "choice-error" }, choices.map(({ element }) => element)),
    choiceError,
    h("label", { class: "reason-label", for: "reason" }, "Reason"),
    reason,
    h("div", { class: "reason-foot" }, reasonError, counter),
    record,
  );
  const element = h(
    "form",
    { class: "card decide", novalidate: true, "aria-labelledby": "decide-title" },
    h("h3", { class: "card-title", id: "decide-title" }, decidedBefore ? "Decide again" : "Decide"),
    !canWrite && missingWrite(),
    canWrite && unfinished && h("p", { class: "card-note" }, "First the decision that was begun has to be finished."),
    fields,
    canWrite && notes({ canAlert, knowsReviewer }),
  );
  let busy = false;

  element.addEventListener("input", () => {
    onDraft({ decision: chosen(), reason: reason.value });
    choiceError.textContent = chosen() ? "" : choiceError.textContent;
    showReasonError("");
    paintCounter();
  });
  reason.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) element.requestSubmit();
  });
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy || !isComplete()) return;
    setBusy(true);
    try {
      await onSubmit({ decision: chosen(), reason: reason.value.trim() });
    } finally {
      setBusy(false);
    }
  });
  paintCounter();

  function chosen() {
    return choices.find(({ input }) => input.checked)?.input.value ?? null;
  }

  // Says what is missing beside each field and takes the focus to the first; true when nothing is.
  function isComplete() {
    const length = characters(reason.value);
    const missingChoice = chosen() === null;
    choiceError.textContent = missingChoice ? "Choose one of the three." : "";
    if (length < REASON_MIN) showReasonError(length === 0 ? "Give a reason." : `Use at least ${REASON_MIN} characters.`);
    else if (length > REASON_MAX) showReasonError(`Use at most ${REASON_MAX} characters.`);
    else showReasonError("");
    if (missingChoice) choices[0].input.focus();
    else if (reasonError.textContent) reason.focus();
    return !missingChoice && !reasonError.textContent;
  }

  function showReasonError(text) {
    reasonError.textContent = text;
    setAttribute(reason, "aria-invalid", text ? "true" : null);
  }

  function paintCounter() {
    const length = characters(reason.value);
    counter.textContent = `${length} of ${REASON_MAX}`;
    counter.dataset.over = String(length > REASON_MAX);
  }

  // The fields stay readable while the answer is on its way; only a second submission is held back.
  function setBusy(value) {
    busy = value;
    reason.readOnly = value;
    setAttribute(record, "aria-disabled", value ? "true" : null);
    record.replaceChildren(...(value ? [h("span", { class: "spinner", "aria-hidden": "true" }), "Recording…"] : ["Record"]));
  }

  return {
    element,
    showReasonError,
    focusReason: () => reason.focus({ preventScroll: true }),
  };
}

function characters(text) {
  return [...text.trim()].length;
}

function choiceOf({ decision, label, hint, icon: iconName }, selected) {
  const id = `decision-${decision}`;
  const input = h("input", {
    class: "choice-input", type: "radio", name: "decision", id, value: decision, "data-testid": id, "aria-describedby": `${id}-hint`,
  });
  input.checked = decision === selected;
  const element = h(
    "div",
    { class: `choice choice-${decision}` },
    input,
    h("label", { class: "choice-label", for: id }, h("span", { class: "choice-mark" }, icon(iconName)), h("span", { class: "choice-name" }, label)),
    h("span", { class: "choice-hint", id: `${id}-hint` }, hint),
  );
  return { element, input };
}

function missingWrite() {
  return h(
    "p",
    { class: "missing-scope", id: "missing-write" },
    icon("lock"),
    h("span", { "data-testid": "missing-scope" }, "Needs the data:write permission, which was not granted at install."),
  );
}

function notes({ canAlert, knowsReviewer }) {
  const lines = [
    !canAlert && "The alerts:write permission was not granted, so the decision is recorded without an alert.",
    !knowsReviewer && "Cloud did not tell who you are, so the history will not name you.",
  ].filter(Boolean);
  if (lines.length === 0) return null;
  return h("ul", { class: "decide-notes" }, lines.map((line) => h("li", {}, line)));
}
