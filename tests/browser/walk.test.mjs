// The main job: a person installs the KYC app, launches it, decides, and sees it on the ledger.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startBrowser } from "./lib/browser.mjs";
import { Dashboard, appFrame } from "./lib/dashboard.mjs";
import { startHost } from "./lib/host.mjs";
import { decide } from "./lib/kyc.mjs";

const SCOPES = ["data:read", "data:write", "alerts:write"];
const SIZES = ["narrow", "wide", "large", "full"];
let host;
let browser;

before(async () => {
  host = await startHost(["kyc"]);
  browser = await startBrowser();
}, { timeout: 300_000 });

after(async () => {
  await browser?.close();
  await host?.stop();
});

test("a person installs, launches, decides in the frame, sees it on the ledger, and uninstalls", { timeout: 240_000 }, async (t) => {
  const { context } = browser;
  const dashboard = await Dashboard.open(context, host);
  const { page } = dashboard;
  let approved;

  await t.test("installing with three scopes makes the app launchable, with what was granted shown", async () => {
    await dashboard.install("kyc", SCOPES);
    const card = dashboard.get("app-card-kyc");
    assert.equal(await card.getAttribute("data-status"), "active");
    for (const scope of SCOPES) await card.getByText(scope, { exact: true }).waitFor();
    assert.equal(await card.locator(".scope-refused").count(), 0);
  });

  await t.test("an identity is approved in the frame, with a reason", async () => {
    const portal = await dashboard.launch("kyc");
    const row = portal.locator("[data-testid^=identity-row-]").first();
    approved = await row.getAttribute("data-id");
    await row.click();
    await decide(portal, "approved", "Passport checked against the register");
    await portal.getByTestId("history-entry").getByText("Passport checked against the register").waitFor();
  });

  await t.test("the ledger browser shows the metadata that the app wrote", async () => {
    await page.evaluate((id) => (location.hash = `#ledger/identities/${id}`), approved);
    const shown = dashboard.get("ledger-metadata").filter({ hasText: "kyc_app" });
    await shown.waitFor();
    const metadata = JSON.parse(await shown.innerText());
    assert.equal(metadata.kyc_app.status ?? metadata.kyc_app.decision, "approved");
    assert.match(JSON.stringify(metadata.kyc_app), /Passport checked against the register/);
  });

  await t.test("the frame goes through all four sizes, is mounted anew, and works in each", async () => {
    await dashboard.get("nav-apps").click();
    const addresses = new Set();
    for (const size of SIZES) {
      await dashboard.setSize(size);
      await appFrame(page, "kyc");
      addresses.add(await dashboard.get("portal-frame").getAttribute("src"));
      const portal = dashboard.portal();
      await portal.getByTestId("status-approved").click();
      await portal.getByTestId(`identity-row-${approved}`).waitFor();
    }
    // One launch carries all of them: the same token was shown again and again.
    assert.equal(addresses.size, 1);
  });

  await t.test("after the remounts an identity needs review, and an alert appears", async () => {
    const portal = dashboard.portal();
    await portal.getByTestId("status-pending").click();
    const row = portal.locator("[data-testid^=identity-row-]").first();
    const id = await row.getAttribute("data-id");
    await row.click();
    await decide(portal, "review", "The address needs a second look");
    await page.keyboard.press("Escape");
    await dashboard.setSize("narrow");
    await dashboard.get("nav-alerts").click();
    const alert = page.locator("[data-testid^=alert-]").filter({ has: page.locator(`code[title="${id}"]`) });
    await alert.waitFor();
    assert.equal(await alert.count(), 1);
    await dashboard.get("nav-apps").click();
  });

  await t.test("the app opens in a tab of its own", async () => {
    const [tab] = await Promise.all([context.waitForEvent("page"), dashboard.get("open-tab-kyc").click()]);
    await tab.frameLocator("iframe.frame").getByTestId("status-approved").click();
    await tab.frameLocator("iframe.frame").getByTestId(`identity-row-${approved}`).waitFor();
    assert.doesNotMatch(tab.url(), /token/);
    await tab.close();
  });

  await t.test("after uninstalling, the open portal answers “launch again” at its next call", async () => {
    await dashboard.get("frame-close").click();
    // Development's stream of events would end the view before anybody calls; in production there is none.
    await context.route("**/s/*/events", (route) => route.abort());
    const portal = await dashboard.launch("kyc");
    await portal.locator("[data-testid^=identity-row-]").first().waitFor();
    await dashboard.uninstall("kyc");
    assert.equal(await dashboard.shell().locator("iframe").count(), 1);
    await portal.getByTestId("status-review").click();
    await dashboard.shell().getByRole("heading", { name: "Launch the app again" }).waitFor();
    assert.equal(await dashboard.shell().locator("iframe").count(), 0);
    await dashboard.get("frame-uninstalled").waitFor();
  });

  await t.test("the sum of it: one metadata write and one flag for each decision that needs them", async () => {
    const writes = (await host.requests()).filter(({ direction, method, scope }) => direction === "app-to-cloud" && method !== "GET" && scope?.endsWith(":write"));
    const kinds = writes.map(({ scope }) => scope).sort();
    assert.deepEqual(kinds, ["alerts:write", "data:write", "data:write"]);
    assert.ok(writes.every(({ status }) => status >= 200 && status < 300), JSON.stringify(writes));
  });
});
