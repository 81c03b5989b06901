// Everything that the main job needs can be done without a mouse.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { pause } from "./lib/attacks.mjs";
import { startBrowser } from "./lib/browser.mjs";
import { Dashboard } from "./lib/dashboard.mjs";
import { startHost } from "./lib/host.mjs";

/** More than any way through the pages takes. */
const MOST_STEPS = 120;
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

/** Whether the element has the focus inside its own document. */
const isFocused = (locator) => locator.evaluate((element) => element === element.ownerDocument.activeElement && element.ownerDocument.hasFocus()).catch(() => false);

/** Presses Tab until the element has the focus. */
async function tabTo(page, locator, key = "Tab") {
  await locator.waitFor();
  for (let step = 0; step < MOST_STEPS; step += 1) {
    if (await isFocused(locator)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${locator} can't be reached by ${key}`);
}

test("a person with a keyboard alone installs the app, approves an identity, and uninstalls", { timeout: 180_000 }, async (t) => {
  const dashboard = await Dashboard.open(browser.context, host);
  const { page } = dashboard;
  const { keyboard } = page;
  await dashboard.get("install-kyc").waitFor();
  // States overtake each other on a slow day; the focus must not depend on which comes first.
  let asked = 0;
  await page.route("**/dashboard/api/state", async (route) => {
    asked += 1;
    await pause(100 + 60 * (asked % 3));
    await route.continue();
  });

  await t.test("install: the dialog takes the focus, boxes answer to Space, and the focus comes back to Launch", async () => {
    await tabTo(page, dashboard.get("install-kyc"));
    await keyboard.press("Enter");
    const alerts = dashboard.get("grant-alerts:write");
    await tabTo(page, alerts);
    await keyboard.press("Space");
    assert.equal(await alerts.isChecked(), false);
    await keyboard.press("Space");
    assert.equal(await alerts.isChecked(), true);
    await tabTo(page, dashboard.get("confirm-install"));
    await keyboard.press("Enter");
    await dashboard.get("launch-kyc").waitFor();
    await page.waitForFunction(() => document.activeElement?.dataset.testid === "launch-kyc");
  });

  await t.test("launch: Tab leads into the portal and out again", async () => {
    await keyboard.press("Enter");
    await tabTo(page, dashboard.portal().getByTestId("search"));
    await tabTo(page, dashboard.get("frame-close"), "Shift+Tab");
  });

  await t.test("approve: row, choice, reason and Record by keys alone", async () => {
    const portal = dashboard.portal();
    const row = portal.locator("[data-testid^=identity-row-]").first();
    await tabTo(page, row);
    const id = await row.getAttribute("data-id");
    await keyboard.press("Enter");
    await portal.getByTestId("detail-name").waitFor();
    await tabTo(page, portal.getByTestId("decision-approved"));
    await keyboard.press("Space");
    await tabTo(page, portal.getByTestId("reason"));
    await keyboard.type("Approved by hand");
    await tabTo(page, portal.getByTestId("record-decision"));
    await keyboard.press("Enter");
    await portal.getByTestId("message").filter({ hasText: "recorded for" }).waitFor();
    const identity = await host.cloud("GET", `ledger/identities/${id}`);
    assert.match(JSON.stringify(identity.meta_data.kyc_app), /Approved by hand/);
  });

  await t.test("uninstall: its question is answered by keys, and Cancel comes first", async () => {
    await tabTo(page, dashboard.get("uninstall-kyc"), "Shift+Tab");
    await keyboard.press("Enter");
    await dashboard.get("confirm-uninstall").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Cancel");
    await keyboard.press("Escape");
    await page.waitForFunction(() => document.activeElement?.dataset.testid === "uninstall-kyc");
    await keyboard.press("Enter");
    await dashboard.get("confirm-uninstall").waitFor();
    // A hand faster than the browser: closed and asked again before the first question told that it had closed.
    await page.evaluate(() => {
      document.querySelector("dialog").close();
      document.querySelector("[data-testid=uninstall-kyc]").click();
    });
    await pause(500);
    await tabTo(page, dashboard.get("confirm-uninstall"));
    await keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement?.dataset.testid === "install-kyc");
  });
});
