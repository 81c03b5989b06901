// The app library: one card per registered app, with what can be done with it right now.

import { ago, badge, button, byId, h, icon, notice, spinner } from "./dom.js";

/** What an install's status is called here, and in which tone. Unknown statuses show as they are. */
const INSTALL_STATUS = {
  pending: ["Installing", "info"],
  active: ["Installed", "success"],
  cancelled: ["Install cancelled", "danger"],
  uninstalled: ["Uninstalled", "neutral"],
};

export const isActive = (app) => app.install?.status === "active";

/** `actions` holds install, launch, openTab and uninstall, each given the app. `busy` maps a slug to what runs. */
export function createLibrary(actions) {
  const place = byId("library");
  const busy = new Map();
  let apps = null;

  function render() {
    if (apps === null) return;
    // A rebuild must not take the keyboard's place away: the same control is found again by its test id.
    const focused = place.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
    place.removeAttribute("aria-busy");
    place.replaceChildren(apps.length === 0 ? emptyLibrary() : h("ul", { class: "cards" }, apps.map(card)));
    if (focused) place.querySelector(`[data-testid="${CSS.escape(focused)}"]`)?.focus();
  }

  function card(app) {
    const running = busy.get(app.slug);
    return h(
      "li",
      { class: "card", "data-testid": `app-card-${app.slug}`, "data-status": app.install?.status ?? "available" },
      h(
        "div",
        { class: "card-head" },
        h("span", { class: "tile", "aria-hidden": "true", text: initials(app.name) }),
        h("div", {}, h("h2", { text: app.name }), h("p", { class: "card-by", text: `${app.developer} · ${app.version}` })),
        statusBadge(app),
      ),
      h("p", { class: "card-about", text: app.description }),
      app.registration?.ok === false && problem("Registration", app.registration.message ?? "An address of this app could not be reached."),
      app.last_error && !isActive(app) && problem("Last attempt", app.last_error),
      permissionList(app),
      isActive(app) && h("p", { class: "card-fact" }, "Key ", h("code", { text: `${app.install.api_key_prefix}…` }), " · installed ", ago(app.install.installed_at)),
      h("div", { class: "card-actions" }, running ? h("p", { class: "working" }, spinner(), running) : controls(app)),
    );
  }

  function controls(app) {
    const make = (name, label, action, extra = {}) =>
      button(label, { "data-testid": `${name}-${app.slug}`, "aria-label": `${label}: ${app.name}`, on: { click: () => action(app) }, ...extra });
    if (app.install?.status === "pending") return h("p", { class: "working" }, spinner(), "Waiting for the app to answer");
    if (!isActive(app)) return make("install", "Install", actions.install, { kind: "button-primary" });
    return [
      make("launch", "Launch", actions.launch, { kind: "button-primary" }),
      make("open-tab", "Open in tab", actions.openTab, { icon: "external" }),
      make("uninstall", "Uninstall", actions.uninstall, { kind: "button-quiet push" }),
    ];
  }

  return {
    update(next) {
      apps = next;
      render();
    },
    /** Shows a working line in place of the card's buttons, until `setBusy(slug, null)`. */
    setBusy(slug, text) {
      if (text === null) busy.delete(slug);
      else busy.set(slug, text);
      render();
    },
    focus(name, slug) {
      place.querySelector(`[data-testid="${CSS.escape(`${name}-${slug}`)}"]`)?.focus();
    },
    showLoading() {
      place.replaceChildren(h("div", { class: "cards", "aria-hidden": "true" }, [0, 1].map(() => h("div", { class: "card skeleton" }))), h("p", { class: "sr", role: "status", text: "Loading apps" }));
    },
    showError(message, retry) {
      apps = null;
      place.replaceChildren(notice({ title: "The library could not be loaded", body: message, tone: "danger", "data-testid": "error-banner", actions: [button("Try again", { kind: "button-primary", on: { click: retry } })] }));
    },
  };
}

function statusBadge(app) {
  if (app.install) {
    const [label, tone] = INSTALL_STATUS[app.install.status] ?? [app.install.status, "neutral"];
    return badge(label, tone);
  }
  return app.registration?.ok === false ? badge("Unreachable", "warning") : badge("Registered", "neutral");
}

const problem = (label, text) => h("p", { class: "card-problem" }, icon("warning"), h("span", {}, h("strong", { text: `${label}: ` }), text));

function permissionList(app) {
  const shown = isActive(app);
  return h(
    "ul",
    { class: "scopes", "aria-label": shown ? "Permissions granted" : "Permissions asked for" },
    app.permissions.map(({ scope }) => {
      const refused = shown && !app.install.granted.includes(scope);
      return h("li", { class: refused ? "scope scope-refused" : "scope" }, shown && icon(refused ? "minus" : "check"), scope, refused && h("span", { class: "sr", text: " (not granted)" }));
    }),
  );
}

function initials(name) {
  const words = name.trim().split(/\s+/);
  return (words.length > 1 ? words[0][0] + words[1][0] : name.slice(0, 2)).toUpperCase();
}

function emptyLibrary() {
  return notice({
    title: "No app is registered yet",
    "data-testid": "apps-empty",
    body: [
      "An app is a package: a folder with a manifest, a component and its page. Add one in either of two ways, and it appears here by itself.",
      h(
        "ol",
        { class: "steps" },
        h("li", {}, "Build one: run ", h("code", { text: "airlock build" }), " in the app’s folder, which lays the package into ", h("code", { text: "plugins/" }), "."),
        h("li", {}, "Or drop a finished package into ", h("code", { text: "plugins/<name>/" }), " while the host is running."),
      ),
      h("p", {}, "Starting from nothing? ", h("code", { text: "airlock new my-app --lang rust" }), " writes an app that works."),
    ],
  });
}
