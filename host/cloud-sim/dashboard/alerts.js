// Alerts of the workspace, newest first. A new one is told aloud once.

import { api } from "./api.js";
import { entryAddress, shortId } from "./collections.js";
import { ago, badge, button, byId, h, humanize, notice, toast } from "./dom.js";

const TONES = { FLAGGED: "danger", INVESTIGATING: "warning", RESOLVED: "success" };
const AFFECTED = ["affected_identities", "affected_balances", "affected_transactions"];

/** `counter` shows in the navigation how many alerts are not resolved. */
export function createAlerts(counter) {
  const place = byId("alerts");
  let known = null;
  let asked = 0;

  async function load() {
    asked += 1;
    const mine = asked;
    try {
      const { data } = await api.alerts();
      if (mine === asked) render([...data].sort((left, right) => new Date(right.created_at) - new Date(left.created_at)));
    } catch (error) {
      if (mine !== asked) return;
      place.replaceChildren(notice({ title: "The alerts could not be read", body: error.message, tone: "danger", "data-testid": "error-banner", actions: [button("Try again", { on: { click: load } })] }));
    }
  }

  function render(alerts) {
    const open = alerts.filter((alert) => alert.status !== "RESOLVED").length;
    counter.hidden = open === 0;
    counter.replaceChildren(h("span", { class: "sr", text: ", " }), String(open), h("span", { class: "sr", text: " open" }));
    if (known !== null) for (const alert of alerts.filter(({ anomaly_id: id }) => !known.has(id))) toast(`New alert: ${alert.title || alert.description}`);
    const fresh = known;
    known = new Set(alerts.map(({ anomaly_id: id }) => id));
    if (alerts.length === 0) {
      place.replaceChildren(notice({ title: "No alerts", body: "When an app flags an identity, a balance or a transaction, it shows here at once." }));
      return;
    }
    const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    place.replaceChildren(h("ul", { class: "alerts" }, alerts.map((alert) => item(alert, fresh !== null && !fresh.has(alert.anomaly_id)))));
    if (focused) place.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }

  function item(alert, isNew) {
    const entities = AFFECTED.flatMap((key) => alert[key] ?? []);
    const status = alert.status ?? "unknown";
    return h(
      "li",
      { class: isNew ? "alert arriving" : "alert", "data-testid": `alert-${alert.anomaly_id}` },
      h("div", { class: "alert-head" }, badge(humanize(status), TONES[status] ?? "neutral"), h("h2", { text: alert.title || `${alert.type ?? "Entity"} flagged` }), ago(alert.created_at)),
      alert.description && h("p", { text: alert.description }),
      h("p", { class: "alert-foot" }, `${alert.type ?? "Entity"} `, entities.map((id) => entityLink(id))),
    );
  }

  return { load };
}

function entityLink(id) {
  const address = entryAddress(id);
  const text = h("code", { text: shortId(id), title: id });
  return address ? h("a", { href: address }, text) : text;
}
