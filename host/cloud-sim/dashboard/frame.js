// The launched app's page in its frame, in four sizes. As in the real dashboard the frame element
// does not survive a change between floating, docked and laid over: it is made anew with the same
// address, so an app must cope with its launch address being loaded twice.

import { badge, byId, h, iconButton } from "./dom.js";

const SIZES = {
  narrow: { label: "Narrow panel", mode: "floating" },
  wide: { label: "Wide panel", mode: "docked" },
  large: { label: "Large", mode: "over" },
  full: { label: "Full screen", mode: "over" },
};

/** Below this width there is no room to dock a panel beside the page. */
const ROOM_TO_DOCK = 1100;

/** `actions` holds openTab(app) and relaunch(app); `onClose(slug)` runs after the panel is gone. */
export function createFrame(actions, onClose) {
  const shell = byId("shell");
  const panel = byId("frame-panel");
  // What a frame laid over the page makes unreachable; the place of error messages stays.
  const behind = [...shell.children, byId("skip")].filter((element) => element !== panel && element.id !== "banner-place");
  const place = h("div", { class: "frame-place" });
  const title = h("h2", { class: "frame-title", tabindex: "-1" });
  const mark = h("span", { class: "frame-mark", role: "status" });
  const freshControls = [
    iconButton("Launch again", "reload", { "data-testid": "frame-relaunch", on: { click: () => actions.relaunch(open.app) } }),
    iconButton("Open in a tab of its own", "external", { "data-testid": "frame-open-tab", on: { click: () => actions.openTab(open.app) } }),
  ];
  const sizeButtons = Object.entries(SIZES).map(([size, { label }]) =>
    iconButton(label, `size-${size}`, { "data-testid": `frame-size-${size}`, "data-size": size, on: { click: () => setSize(size) } }),
  );
  let open = null;
  let size = window.innerWidth >= ROOM_TO_DOCK ? "wide" : "large";

  panel.append(
    h(
      "header",
      { class: "frame-head" },
      title,
      mark,
      h("div", { class: "segments", role: "group", "aria-label": "Size of the frame" }, sizeButtons),
      freshControls,
      iconButton("Close", "close", { "data-testid": "frame-close", on: { click: close } }),
    ),
    place,
  );

  /** A frame with no sandbox, no permissions and no referrer: what the app may do is the app host's business. */
  function mountFrame() {
    const frame = h("iframe", {
      src: open.address,
      title: `${open.app.name}, the app’s own page`,
      allow: "",
      referrerpolicy: "no-referrer",
      "data-testid": "portal-frame",
    });
    place.dataset.loading = "true";
    frame.addEventListener("load", () => (place.dataset.loading = "false"));
    place.replaceChildren(frame);
  }

  function setSize(next) {
    const remount = SIZES[next].mode !== SIZES[size].mode;
    size = next;
    applySize();
    if (remount) mountFrame();
  }

  function applySize() {
    const mode = SIZES[size].mode;
    panel.dataset.size = size;
    shell.dataset.frame = open ? mode : "none";
    for (const each of sizeButtons) each.setAttribute("aria-pressed", String(each.dataset.size === size));
    const covers = open !== null && mode === "over";
    for (const element of behind) element.inert = covers;
    // Inert content still answers to the wheel: frame.css stops it.
    document.documentElement.toggleAttribute("data-covered", covers);
    if (covers) {
      panel.setAttribute("role", "dialog");
      panel.setAttribute("aria-modal", "true");
    } else {
      panel.removeAttribute("role");
      panel.removeAttribute("aria-modal");
    }
  }

  function close() {
    if (!open) return;
    const { slug } = open.app;
    open = null;
    panel.hidden = true;
    place.replaceChildren();
    applySize();
    onClose(slug);
  }

  /** Says what happened to the install under an open frame; the frame itself stays, to be looked at. */
  function showStanding() {
    const gone = open.app.install?.installed_app_id !== open.installId || open.app.install?.status !== "active";
    for (const control of freshControls) control.hidden = gone;
    if (gone === (mark.childElementCount > 0)) return;
    mark.replaceChildren(...(gone ? [badge("Uninstalled", "warning", { "data-testid": "frame-uninstalled" })] : []));
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !open || SIZES[size].mode !== "over" || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    setSize(window.innerWidth >= ROOM_TO_DOCK ? "wide" : "narrow");
    title.focus();
  });

  return {
    show(app, address) {
      open = { app, address, installId: app.install.installed_app_id };
      title.textContent = app.name;
      panel.setAttribute("aria-label", `${app.name}, running`);
      panel.hidden = false;
      showStanding();
      applySize();
      mountFrame();
      title.focus();
    },
    update(apps) {
      if (!open) return;
      const current = apps.find((app) => app.app_id === open.app.app_id);
      open.app = current ?? { ...open.app, install: null };
      showStanding();
    },
  };
}
