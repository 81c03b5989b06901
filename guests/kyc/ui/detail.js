// The pane of one identity: loads it, shows it, finishes what was left unfinished, and records a decision.

import { decide, isAbort, loadIdentity, resume } from "./api.js";
import { createDecideForm } from "./decide.js";
import { byId, fill, h, icon, setAttribute } from "./dom.js";
import { describeProblem, statusLabel } from "./format.js";
import { alertSentence, historySection, unfinishedBanner } from "./history.js";
import { announce, leaveMessagesOfOthers, showMessage } from "./notice.js";
import { checkSection, detailHeading, identitySection } from "./record.js";
import { retryButton, state } from "./rows.js";

const EMPTY_DRAFT = { decision: null, reason: "" };

// Takes `onBack()`, `onChanged()` (something was written) and `nextAfter(id)` (for the way on after a decision).
export function createDetail({ onBack, onChanged, nextAfter, onOpen }) {
  const pane = byId("detail-pane");
  const drafts = new Map(); // what was typed stays with its identity until it is recorded
  let rights = { canWrite: false, canAlert: false, knowsReviewer: false, settings: {} };
  let current = null; // {id, controller, data, progress}: whoever awaits must find it unchanged before painting

  pane.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.tagName !== "TEXTAREA") onBack();
  });
  paintNothing();

  // === opening ===

  async function open(id) {
    current?.controller.abort();
    const mine = { id, controller: new AbortController(), data: null, progress: "waiting" };
    current = mine;
    leaveMessagesOfOthers(id);
    setAttribute(pane, "aria-busy", "true");
    fill(pane, backButton(), skeleton());
    pane.scrollTop = 0;
    pane.focus({ preventScroll: true });
    try {
      mine.data = await loadIdentity(id, mine.controller.signal);
    } catch (problem) {
      if (current === mine && !isAbort(problem)) paintFailure(problem);
      return;
    }
    if (current !== mine) return;
    paint();
    if (pane.contains(document.activeElement) || document.activeElement === document.body) focusName();
    announce(`${nameOf(mine.data)}, ${statusLabel(mine.data.status)}.`);
    if (mine.data.unfinished && rights.canWrite) finish(mine);
  }

  // Reads the identity again without disturbing what was typed.
  async function reload(mine) {
    try {
      const data = await loadIdentity(mine.id, mine.controller.signal);
      if (current !== mine) return;
      mine.data = data;
      mine.progress = "waiting";
      paint();
    } catch {
      // What is shown stays; the message that led here says what is wrong.
    }
  }

  async function finish(mine) {
    mine.progress = "running";
    paint();
    try {
      const data = await resume(mine.id);
      onChanged();
      if (current !== mine) return;
      mine.data = data;
      paint();
      const alert = data.history?.[0]?.alert;
      const kind = alert?.state === "unknown" ? "warning" : "success";
      say(mine, `The unfinished decision was completed: ${statusLabel(data.status)}. ${alertSentence(alert) ?? ""}`, kind);
    } catch (problem) {
      if (current !== mine) return;
      if (problem.status === 409) {
        onChanged();
        await reload(mine);
        if (current !== mine) return;
        say(mine, mine.data.unfinished ? describeProblem(problem) : "The decision had been completed in the meantime.", "info");
        return;
      }
      mine.progress = `It could not be finished. ${describeProblem(problem)}`;
      paint();
    }
  }

  // === deciding ===

  async function record(mine, form, choice) {
    const id = mine.id;
    const next = nextAfter(id);
    try {
      const data = await decide(id, { ...choice, version: mine.data.version ?? null });
      drafts.delete(id);
      onChanged();
      const alert = data.history?.[0]?.alert;
      const kind = alert?.state === "unknown" ? "warning" : "success";
      const actions = next ? [{ label: "Open the next one", run: () => onOpen(next.id) }] : [];
      showMessage(`${statusLabel(choice.decision)}: recorded for ${nameOf(data)}. ${alertSentence(alert) ?? ""}`.trim(), { kind, subject: id, actions });
      if (current !== mine) return;
      mine.data = data;
      paint();
      pane.scrollTop = 0;
      focusName();
    } catch (problem) {
      if (current !== mine) {
        showMessage(`The decision on ${nameOf(mine.data)} was not confirmed. ${describeProblem(problem)}`, { kind: "danger", subject: id });
        return;
      }
      await explainRefusal(mine, form, problem);
    }
  }

  async function explainRefusal(mine, form, problem) {
    if (problem.status === 422 && (problem.field === "reason" || problem.field === null)) {
      form.showReasonError(problem.message);
      form.focusReason();
      return;
    }
    if (problem.status === 409) {
      say(mine, "Someone else has decided on this identity, or is deciding now. What you typed is kept; look at the history first.", "warning");
      onChanged();
    } else if (problem.leavesOutcomeOpen) {
      say(mine, `The decision was not confirmed. ${describeProblem(problem)} What you typed is kept.`, "danger");
    } else {
      say(mine, describeProblem(problem), "danger");
      if (problem.status === 403 && problem.scope === "data:write") rights = { ...rights, canWrite: false };
    }
    if (problem.status === 409 || problem.leavesOutcomeOpen) await reload(mine);
    else if (problem.status === 403) paint();
  }

  // === painting ===

  function paint() {
    const mine = current;
    const data = mine.data;
    setAttribute(pane, "aria-busy", "false");
    const form = createDecideForm({
      ...rights,
      decidedBefore: data.status !== "pending",
      unfinished: Boolean(data.unfinished),
      draft: drafts.get(mine.id) ?? EMPTY_DRAFT,
      onDraft: (draft) => drafts.set(mine.id, draft),
      onSubmit: (choice) => record(mine, form, choice),
    });
    const hadFocus = pane.contains(document.activeElement) && document.activeElement !== pane;
    fill(
      pane,
      h(
        "article",
        { class: "detail" },
        h("header", { class: "detail-header" }, backButton(), detailHeading(data)),
        data.unfinished && unfinishedBanner(data.unfinished, { progress: mine.progress, finish: rights.canWrite ? () => finish(mine) : null }),
        h("div", { class: "detail-grid" }, checkSection(data.check, rights.settings), identitySection(data), form.element, historySection(data.history ?? [])),
      ),
    );
    if (hadFocus) focusName({ preventScroll: true });
  }

  function paintFailure(problem) {
    setAttribute(pane, "aria-busy", "false");
    const gone = problem.status === 404;
    const id = current.id;
    fill(
      pane,
      backButton(),
      state("warning", gone ? "This identity is not there" : "The identity could not be loaded", gone ? "It may have been removed from the ledger." : describeProblem(problem), [
        !gone && retryButton(problem, () => open(id)),
      ]),
    );
    announce(gone ? "This identity is not there." : `The identity could not be loaded. ${problem.message}`);
  }

  function paintNothing() {
    fill(pane, state("person", "Choose an identity", "Its details, the automatic check and its history are shown here."));
  }

  function backButton() {
    return h("button", { class: "button button-quiet back", type: "button", "data-testid": "back", on: { click: onBack } }, icon("back"), "All identities");
  }

  function focusName(options) {
    (pane.querySelector(".detail-name") ?? pane).focus(options);
  }

  function say(mine, text, kind) {
    showMessage(text.trim(), { kind, subject: mine.id });
  }

  return {
    open,
    useRights(value) {
      rights = value;
    },
    get openId() {
      return current?.id ?? null;
    },
  };
}

function nameOf(data) {
  return data.identity.name || data.identity.id;
}

function skeleton() {
  const card = (lines) => h("div", { class: "card" }, Array.from({ length: lines }, () => h("div", { class: "skeleton skeleton-line" })));
  return [
    h("p", { class: "visually-hidden" }, "Loading the identity…"),
    h("div", { class: "detail", "aria-hidden": "true" }, h("div", { class: "skeleton skeleton-title" }), h("div", { class: "detail-grid" }, card(2), card(7))),
  ];
}
