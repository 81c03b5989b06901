// Apps written in three languages, each in its own tab of one dashboard.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startBrowser } from "./lib/browser.mjs";
import { Dashboard } from "./lib/dashboard.mjs";
import { startHost } from "./lib/host.mjs";

/** Each app with the place in its page that says what it got from its own component, and what it says then. */
const APPS = {
  kyc: ["status-pending", /\d/],
  lookout: ["lookout-state", /^\d+ balances, threshold 100000$/],
  extract: ["extract-state", /^\d+ accounts, \d+ rows$/],
};

let host;
let browser;

// The components are large, and the program under test compiles them unoptimized.
before(async () => {
  host = await startHost(Object.keys(APPS));
  browser = await startBrowser();
}, { timeout: 600_000 });

after(async () => {
  await browser?.close();
  await host?.stop();
});

test("pages in front of Rust, JavaScript and Python are open side by side", { timeout: 240_000 }, async () => {
  const open = Object.entries(APPS).map(async ([slug, [testId, says]]) => {
    await host.install(slug);
    const dashboard = await Dashboard.open(browser.context, host);
    await dashboard.launch(slug);
    await dashboard.sees(() => dashboard.portal().getByTestId(testId).filter({ hasText: says }));
    return dashboard;
  });
  const dashboards = await Promise.all(open);
  // All of them are open now; each still has its own page.
  for (const [index, [testId, says]] of Object.values(APPS).entries()) {
    assert.match(await dashboards[index].portal().getByTestId(testId).innerText(), says);
  }
  const requests = await host.requests();
  const rows = requests.filter(({ direction, status }) => direction === "app-to-cloud" && status >= 400);
  assert.deepEqual(rows, [], "a call was refused");
});

test("a page shows what its component is refused", { timeout: 240_000 }, async () => {
  for (const [slug, testId] of [["lookout", "lookout-state"], ["extract", "extract-state"]]) {
    await host.uninstall(slug);
    await host.install(slug, []);
    const dashboard = await Dashboard.open(browser.context, host);
    await dashboard.launch(slug);
    const state = () => dashboard.portal().getByTestId(testId).filter({ hasText: "refused: This needs the permission data:read." });
    await dashboard.sees(state);
    await dashboard.page.close();
  }
});
