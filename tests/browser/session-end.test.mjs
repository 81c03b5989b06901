// Past the end of a session: the portal says “launch again”, whether the time ran out or the app was uninstalled.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { pause } from "./lib/attacks.mjs";
import { startBrowser } from "./lib/browser.mjs";
import { Dashboard, appFrame } from "./lib/dashboard.mjs";
import { startHost } from "./lib/host.mjs";

/** The shortest session that a host can be told to give. */
const SESSION_SECONDS = 30;
let host;
let browser;

before(async () => {
  host = await startHost(["echo"], { recorded: true, environment: { AIRLOCK_SESSION__TTL: `${SESSION_SECONDS}s` } });
  await host.install("echo");
  browser = await startBrowser();
}, { timeout: 300_000 });

after(async () => {
  await browser?.close();
  await host?.stop();
});

/** A launched portal. Without `events` it learns of its end as in production: from the answer to its next call. */
async function open(events) {
  const dashboard = await Dashboard.open(browser.context, host);
  if (!events) await dashboard.page.route("**/s/*/events", (route) => route.abort());
  await dashboard.launch("echo");
  await dashboard.portal().getByTestId("echo-state").filter({ hasText: "ready" }).waitFor();
  const opened = Date.now();
  const frame = await appFrame(dashboard.page, "echo");
  return { dashboard, frame, opened };
}

const launchAgain = (dashboard) => dashboard.shell().getByRole("heading", { name: "Launch the app again" });

test("a session that ran out ends the view with “launch again”", { timeout: 120_000 }, async (t) => {
  const [quiet, told] = await Promise.all([open(false), open(true)]);
  await pause(Math.max(0, quiet.opened + (SESSION_SECONDS + 1) * 1_000 - Date.now()));
  await t.test("at the next call, which reaches no component", async () => {
    assert.equal(await launchAgain(quiet.dashboard).count(), 0);
    host.recorder.forget();
    const answer = await quiet.frame.evaluate(() => fetch("api/seen/late").then(({ status }) => status)).catch(() => "gone");
    await launchAgain(quiet.dashboard).waitFor();
    const [{ path, status }, ...others] = host.recorder.records;
    assert.match(path, /\/api\/seen\/late$/);
    // 410 where the browser still sends the cookie, 401 once its time has come there as well.
    assert.ok([401, 410].includes(status), String(status));
    assert.ok([status, "gone"].includes(answer), String(answer));
    assert.deepEqual(others, []);
    assert.equal(await quiet.dashboard.shell().locator("iframe").count(), 0);
  });
  await t.test("at once, where the host tells", async () => {
    await launchAgain(told.dashboard).waitFor();
  });
  await t.test("at a remount too: the launch address has been used", async () => {
    await quiet.dashboard.setSize("narrow");
    await quiet.dashboard.sees(() => launchAgain(quiet.dashboard));
  });
  await t.test("and launching again works", async () => {
    await quiet.dashboard.get("frame-relaunch").click();
    await quiet.dashboard.sees(() => quiet.dashboard.portal().getByTestId("echo-state").filter({ hasText: "ready" }));
  });
  await Promise.all([quiet.dashboard.page.close(), told.dashboard.page.close()]);
});

test("a session of an uninstalled app answers 401, and the view says “launch again”", { timeout: 120_000 }, async () => {
  const { dashboard, frame } = await open(false);
  await host.uninstall("echo");
  host.recorder.forget();
  await frame.evaluate(() => fetch("api/seen/gone").then(({ status }) => status)).catch(() => "gone");
  await launchAgain(dashboard).waitFor();
  assert.deepEqual(host.recorder.records.map(({ path, status }) => [path.replace(/^\/s\/[^/]+/, ""), status]), [["/api/seen/gone", 401]]);
});
