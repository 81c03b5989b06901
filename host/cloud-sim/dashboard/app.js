// Starts the page: the address after # picks the view, the event stream keeps everything current.

import { createAlerts } from "./alerts.js";
import { api, follow, launchAddress } from "./api.js";
import { askInstall, askReset, askUninstall } from "./dialogs.js";
import { byId, clearBanner, h, showBanner, toast } from "./dom.js";
import { createFrame } from "./frame.js";
import { createLedger } from "./ledger.js";
import { createLibrary } from "./library.js";
import { createRequests } from "./requests.js";
import { createSwitches } from "./switches.js";

const VIEWS = ["apps", "ledger", "alerts", "requests", "switches"];
const CONNECTION = { connecting: "Connecting", live: "Live", lost: "Reconnecting" };
const TITLES = Object.fromEntries(VIEWS.map((view) => [view, view.charAt(0).toUpperCase() + view.slice(1)]));

let state = null;
let stateAsked = 0;
let newestLoad = null;
const requests = createRequests();
const ledger = createLedger();
const alerts = createAlerts(byId("alerts-count"));
const switches = createSwitches();
const library = createLibrary({ install, launch, openTab, uninstall });
const frame = createFrame({ openTab, relaunch: launch }, (slug) => library.focus("launch", slug));

/** Resolves once the newest state is shown, even where a later load overtakes this one: what follows may need its buttons. */
function loadState() {
  stateAsked += 1;
  newestLoad = readState(stateAsked);
  return newestLoad;
}

async function readState(asked) {
  try {
    const next = await api.state();
    if (asked !== stateAsked) return newestLoad;
    state = next;
    showWhere(state);
    library.update(state.apps);
    frame.update(state.apps);
    requests.setApps(state.apps);
    switches.update(state.switches);
  } catch (error) {
    if (asked !== stateAsked) return newestLoad;
    if (state === null) library.showError(error.message, loadState);
    else showBanner(error.message, loadState);
  }
}

function showWhere({ workspace, instance, user }) {
  const rows = [["Workspace", workspace.name, workspace.organization_id], ["Instance", instance.name, instance.instance_id], ["Signed in as", user.name, user.user_id]];
  byId("where").replaceChildren(...rows.map(([label, name, id]) => h("div", {}, h("dt", { text: label }), h("dd", { title: id }, name, h("code", { text: id })))));
}

async function install(app) {
  clearBanner();
  const installed = await askInstall(app, `${state.instance.name} (${state.workspace.name})`);
  if (!installed) return library.focus("install", app.slug);
  await loadState();
  toast(`${app.name} is installed.`);
  library.focus("launch", app.slug);
}

async function uninstall(app) {
  clearBanner();
  const done = await askUninstall(app);
  if (!done) return library.focus("uninstall", app.slug);
  await loadState();
  toast(`${app.name} is uninstalled.`);
  library.focus("install", app.slug);
}

/** Runs a launch with the card showing it; the banner tells a failure. Returns the address or null. */
async function freshAddress(app) {
  clearBanner();
  library.setBusy(app.slug, "Asking the app for its address");
  try {
    return await launchAddress(app.install.installed_app_id);
  } catch (error) {
    showBanner(`${app.name} could not be launched. ${error.message}`);
    return null;
  } finally {
    library.setBusy(app.slug, null);
  }
}

async function launch(app) {
  const address = await freshAddress(app);
  if (address === null) return library.focus("launch", app.slug);
  requests.reveal();
  frame.show(app, address);
}

async function openTab(app) {
  // The tab is opened at the click, before the answer is there: later the browser would block it.
  const tab = window.open("about:blank", "_blank");
  if (tab === null) return showBanner("The browser blocked the new tab. Allow pop-ups for this page and try again.");
  tab.opener = null;
  tab.document.title = `Opening ${app.name}`;
  const address = await freshAddress(app);
  if (address === null) return tab.close();
  tab.location.replace(address);
  library.focus("open-tab", app.slug);
}

/** Shows the view named in the address. `moved` is false at the first call, when the focus stays where it is. */
function route(moved) {
  const [name, ...rest] = location.hash.slice(1).split("/").map(decodePart);
  const view = VIEWS.includes(name) ? name : "apps";
  const entering = !moved || byId("shell").dataset.view !== view;
  byId("shell").dataset.view = view;
  for (const each of VIEWS) {
    const section = byId(`view-${each}`);
    if (section) section.hidden = each !== view;
  }
  byId("main").hidden = view === "requests";
  for (const link of document.querySelectorAll("[data-nav]")) {
    if (link.dataset.nav === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${TITLES[view]} · Simulated Cloud`;
  requests.setFullView(view === "requests");
  const stays = view === "ledger" && ledger.show(rest[0], rest[1], entering);
  if (moved && !stays) byId(`${view}-title`).focus();
}

function decodePart(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function setConnection(name) {
  const element = byId("connection");
  if (element.dataset.state === name && name !== "connecting") return;
  element.dataset.state = name;
  element.textContent = CONNECTION[name];
}

/** Lets a burst of events count as one: what is asked for runs once, a moment after the first. */
function soon(run) {
  let timer = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      run();
    }, 100);
  };
}

byId("reset").addEventListener("click", async () => {
  if (await askReset()) {
    toast("Ledger and alerts are seeded again.");
    await Promise.all([ledger.startOver(), alerts.load()]);
  }
});
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId(location.hash === "#requests" ? "requests-body" : "main").focus();
});
window.addEventListener("hashchange", () => route(true));

library.showLoading();
route(false);
loadState();
ledger.remember();
alerts.load();
let connectedBefore = false;
const ledgerChanged = soon(() => {
  ledger.refresh();
  alerts.load();
});
const everythingChanged = soon(() => {
  loadState();
  requests.catchUp();
});
follow({
  open() {
    setConnection("live");
    if (connectedBefore) ledgerChanged();
    if (connectedBefore) everythingChanged();
    else requests.catchUp();
    connectedBefore = true;
  },
  lost: () => setConnection("lost"),
  request: requests.add,
  // This one also comes when the stream could not keep up, so anything may have changed.
  state() {
    everythingChanged();
    ledgerChanged();
  },
  ledger: ledgerChanged,
});
