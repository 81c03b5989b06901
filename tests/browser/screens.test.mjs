// Every screen at three widths, light and dark, kept in tests/output to be looked at. Asserted is only what a program can
// see: no page is larger than its window, since each scrolls inside.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { pause } from "./lib/attacks.mjs";
import { startBrowser } from "./lib/browser.mjs";
import { Dashboard } from "./lib/dashboard.mjs";
import { startHost } from "./lib/host.mjs";
import { decide } from "./lib/kyc.mjs";
import { output } from "./lib/paths.mjs";

const WIDTHS = [360, 768, 1440];
const HEIGHTS = { 360: 740, 768: 1024, 1440: 900 };
const SCHEMES = ["light", "dark"];
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

/** Keeps a screen at every width and scheme as `name-width-scheme.png`. `prepare(width)` brings it up at each width. */
async function keep(t, page, name, prepare = async () => {}) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: HEIGHTS[width] });
    await prepare(width);
    await t.test(`${name} at ${width} px`, async () => {
      for (const colorScheme of SCHEMES) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await pause(150);
        await page.screenshot({ path: output(`${name}-${width}-${colorScheme}.png`) });
      }
      for (const frame of page.frames()) {
        const { wide, high, width: room, height } = await frame.evaluate(() => {
          const { scrollWidth: wide, scrollHeight: high } = document.documentElement;
          return { wide, high, width: innerWidth, height: innerHeight };
        });
        assert.ok(wide <= room && high <= height, `${frame.url().split("?")[0]}: ${wide} by ${high} in a window of ${room} by ${height}`);
      }
    });
  }
}

test("every screen fits its window at three widths", { timeout: 300_000 }, async (t) => {
  const dashboard = await Dashboard.open(browser.context, host);
  const { page } = dashboard;
  const show = async (view) => {
    await page.evaluate((view) => (location.hash = view), view);
    await pause(300);
  };

  await keep(t, page, "apps-before", () => show("apps"));
  await dashboard.get("install-kyc").click();
  await keep(t, page, "install-dialog");
  await dashboard.get("confirm-install").click();
  await dashboard.get("launch-kyc").waitFor();
  await keep(t, page, "apps-installed");

  const portal = await dashboard.launch("kyc");
  const decided = portal.locator("[data-testid^=identity-row-]").first();
  const id = await decided.getAttribute("data-id");
  await decided.click();
  await decide(portal, "review", "The address needs a second look");
  await keep(t, page, "portal-list", async (width) => {
    await dashboard.setSize(width < 1100 ? "full" : "wide");
    await dashboard.sees(() => portal.locator("[data-testid^=identity-row-]").first());
  });
  await keep(t, page, "portal-detail", async (width) => {
    await dashboard.setSize(width < 1100 ? "full" : "large");
    await dashboard.sees(() => portal.locator("[data-testid^=identity-row-]").first());
    await portal.locator("[data-testid^=identity-row-]").first().click();
    await portal.getByTestId("detail-name").waitFor();
    await pause(300);
  });
  await keep(t, page, "portal-narrow", async () => {
    await dashboard.setSize("narrow");
    await dashboard.sees(() => portal.locator("[data-testid^=identity-row-]").first());
  });
  await dashboard.uninstall("kyc");
  await dashboard.shell().getByRole("heading", { name: "Launch the app again" }).waitFor();
  await keep(t, page, "portal-ended");
  await dashboard.get("frame-close").click();

  await keep(t, page, "ledger", () => show("ledger/identities"));
  await keep(t, page, "ledger-entry", () => show(`ledger/identities/${id}`));
  await keep(t, page, "alerts", () => show("alerts"));
  await keep(t, page, "requests", () => show("requests"));
  await keep(t, page, "switches", () => show("switches"));
  await page.close();
});

test("the portal in a tab, “launch again” and the host's error pages fit their windows", { timeout: 240_000 }, async (t) => {
  await host.install("kyc");
  const page = await browser.context.newPage();
  const app = page.frameLocator("iframe.frame");
  await page.goto(await host.launch("kyc"));
  await app.locator("[data-testid^=identity-row-]").first().waitFor();
  await keep(t, page, "tab-list");
  await keep(t, page, "tab-detail", async () => {
    await page.reload();
    await app.locator("[data-testid^=identity-row-]").first().click();
    await app.getByTestId("detail-name").waitFor();
    await pause(300);
  });
  await host.uninstall("kyc");
  await page.getByRole("heading", { name: "Launch the app again" }).waitFor();
  await keep(t, page, "launch-again");
  for (const [name, path] of [["enter-without-token", "/enter"], ["enter-bad-token", "/enter?token=v1.wrong"], ["error-session", "/s/AAAAAAAAAA/"]]) {
    await page.goto(host.address + path);
    await page.locator("h1:visible").first().waitFor();
    await keep(t, page, name);
  }
  await page.close();
});
