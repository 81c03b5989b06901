// The questions the dashboard asks before it acts: install, uninstall, seed again.

import { api } from "./api.js";
import { button, h, icon, spinner } from "./dom.js";

/** How long Cloud waits for an app's answer to an event, in seconds. */
const ANSWER_LIMIT = 10;

/**
 * Asks one question in a dialog of its own: a closed one tells so only a moment later, when the next
 * may be open already. `fill(dialog, close)` returns its content. Escape closes it unless a call is
 * under way. The browser puts the focus back to where it was. Resolves to what `close` was given.
 */
function openDialog(fill) {
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" });
  return new Promise((resolve) => {
    let result = null;
    const close = (value = null) => {
      result = value;
      dialog.close();
    };
    dialog.append(fill(dialog, close));
    dialog.addEventListener("cancel", (event) => dialog.dataset.working === "true" && event.preventDefault());
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * Runs `work` with the dialog locked and a waiting line in place; on failure the API's sentence is
 * shown and the dialog can be used again. `parts` are the dialog's own pieces.
 */
async function runInDialog({ dialog, controls, place, waiting, work, close, confirm }) {
  dialog.dataset.working = "true";
  for (const control of controls) control.disabled = true;
  const { element, stop } = waiting();
  place.replaceChildren(element);
  element.focus();
  try {
    close(await work());
  } catch (error) {
    place.replaceChildren(h("div", { class: "inline-error", role: "alert", "data-testid": "error-banner" }, icon("warning"), h("p", { text: error.message })));
    dialog.dataset.working = "false";
    for (const control of controls) control.disabled = false;
    confirm.focus();
  } finally {
    stop();
  }
}

/** A line that says what is being waited for and counts the seconds, of which it tells only the start aloud. */
function waitingLine(title, steps) {
  const seconds = h("span", { class: "elapsed", "aria-hidden": "true" });
  const started = Date.now();
  const tick = () => (seconds.textContent = `${Math.floor((Date.now() - started) / 1000)} s of ${ANSWER_LIMIT} s`);
  tick();
  const timer = setInterval(tick, 500);
  const element = h(
    "div",
    { class: "waiting", role: "status", tabindex: "-1", "data-testid": "waiting" },
    h("p", { class: "waiting-title" }, spinner(), h("strong", { text: title }), seconds),
    h("ol", {}, steps.map((text) => h("li", { text }))),
  );
  return { element, stop: () => clearInterval(timer) };
}

const dialogTitle = (text) => h("h2", { id: "dialog-title", text });

/** Resolves to the new install, or null when the person went back. */
export function askInstall(app, place) {
  return openDialog((dialog, close) => {
    const boxes = app.permissions.map(({ scope }) => h("input", { type: "checkbox", id: `grant-${scope}`, name: scope, "data-testid": `grant-${scope}`, "aria-describedby": `why-${scope}`, checked: true }));
    const rows = app.permissions.map(({ scope, label, purpose }, index) =>
      h(
        "label",
        { class: "grant", for: `grant-${scope}` },
        boxes[index],
        h("span", { class: "grant-text" }, h("span", { class: "grant-name" }, h("strong", { text: label || scope }), h("code", { text: scope })), h("span", { class: "grant-why", id: `why-${scope}`, text: purpose })),
      ),
    );
    const result = h("div", { class: "dialog-result" });
    const none = h("p", { class: "hint", role: "status" });
    const cancel = button("Cancel", { on: { click: () => close() } });
    const confirm = button("Install", { kind: "button-primary", "data-testid": "confirm-install", on: { click: install } });
    for (const box of boxes) box.addEventListener("change", () => (none.textContent = boxes.some((each) => each.checked) ? "" : "With nothing granted the app can open, but reach nothing."));

    function install() {
      const granted = boxes.filter((box) => box.checked).map((box) => box.name);
      runInDialog({
        dialog,
        controls: [...boxes, cancel, confirm],
        place: result,
        confirm,
        close,
        waiting: () =>
          waitingLine("Waiting for the app", [
            "Cloud makes an API key with the scopes you granted.",
            "It sends the install event, with the key, to the app’s callback address.",
            "The app has ten seconds to answer. Without a good answer the install is cancelled and the key revoked.",
          ]),
        work: async () => (await api.install(app.app_id, granted)).install,
      });
    }

    return h(
      "div",
      { class: "dialog-body" },
      h("header", {}, dialogTitle(`Install ${app.name}`), h("p", { text: `into ${place}. What you grant is fixed until the app is installed anew.` })),
      h("fieldset", { class: "grants" }, h("legend", { text: rows.length > 0 ? "This app asks to" : "This app asks for no permission." }), rows),
      none,
      result,
      h("footer", { class: "actions" }, cancel, confirm),
    );
  });
}

/** Resolves to true once the app has been uninstalled, or null. */
export function askUninstall(app) {
  return confirmDialog({
    title: `Uninstall ${app.name}?`,
    text: "Cloud tells the app, marks the install as uninstalled and revokes its key. If the app does not answer, it stays installed. What it wrote to the ledger stays there.",
    label: "Uninstall",
    testid: "confirm-uninstall",
    waiting: ["Cloud sends the uninstall event to the app’s callback address.", "On a good answer the key is revoked."],
    work: async () => (await api.uninstall(app.install.installed_app_id), true),
  });
}

/** Resolves to true once ledger and alerts are seeded again, or null. */
export function askReset() {
  return confirmDialog({
    title: "Seed the data again?",
    text: "Ledger and alerts go back to what they were at the start. Apps and installs stay as they are.",
    label: "Seed again",
    testid: "confirm-reset",
    waiting: ["Ledger and alerts are filled anew."],
    work: async () => (await api.reset(), true),
  });
}

function confirmDialog({ title, text, label, testid, waiting, work }) {
  return openDialog((dialog, close) => {
    const result = h("div", { class: "dialog-result" });
    const cancel = button("Cancel", { autofocus: true, on: { click: () => close() } });
    const confirm = button(label, { kind: "button-danger", "data-testid": testid, on: { click: run } });
    function run() {
      runInDialog({ dialog, controls: [cancel, confirm], place: result, confirm, close, waiting: () => waitingLine("One moment", waiting), work });
    }
    return h("div", { class: "dialog-body" }, h("header", {}, dialogTitle(title), h("p", { text })), result, h("footer", { class: "actions" }, cancel, confirm));
  });
}
