// Sessions side by side, and the launch token that opens them: T5, T9, I39.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startBrowser } from "./lib/browser.mjs";
import { Dashboard, appFrame } from "./lib/dashboard.mjs";
import { startHost } from "./lib/host.mjs";

/** Calls of each of two apps: together a thousand. */
const CALLS = 500;
/** Calls under way at once in each page. */
const AT_ONCE = 8;
/** What a launch token looks like, wherever it stands. */
const TOKEN = /al1\.[\w.-]{20,}/;

let host;
let browser;

before(async () => {
  host = await startHost(["echo", "neighbor"], { recorded: true, environment: { AIRLOCK_LOG__FILTER: "trace" } });
  await Promise.all(["echo", "neighbor"].map((slug) => host.install(slug)));
  browser = await startBrowser();
}, { timeout: 300_000 });

after(async () => {
  await browser?.close();
  await host?.stop();
});

/** Makes the page call its own API many times, each call named after the page. */
const callOften = (frame, name) =>
  frame.evaluate(
    async ([name, calls, atOnce]) => {
      const statuses = [];
      let next = 0;
      const work = async () => {
        while (next < calls) statuses.push((await fetch(`api/seen/${name}-${next++}`)).status);
      };
      await Promise.all(Array.from({ length: atOnce }, work));
      return statuses;
    },
    [name, CALLS, AT_ONCE],
  );

const callsOf = (frame) => frame.evaluate(async () => (await fetch("api/calls")).json());

test("T9: two tabs with two installs never mix, over a thousand calls at once", { timeout: 240_000 }, async () => {
  const dashboards = await Promise.all(["echo", "neighbor"].map(() => Dashboard.open(browser.context, host)));
  const frames = [];
  for (const [index, slug] of ["echo", "neighbor"].entries()) {
    await dashboards[index].launch(slug);
    frames.push(await appFrame(dashboards[index].page, slug));
  }
  const statuses = (await Promise.all([callOften(frames[0], "first"), callOften(frames[1], "second")])).flat();
  assert.equal(statuses.filter((status) => status === 200).length, 2 * CALLS);
  const [first, second] = await Promise.all(frames.map(callsOf));
  for (const [calls, name] of [[first, "first"], [second, "second"]]) {
    const own = calls.filter((call) => call.startsWith(`GET seen/${name}-`));
    assert.equal(new Set(own).size, CALLS);
    // The page itself calls too when it opens; nothing of the other tab may be among it.
    assert.deepEqual(calls.filter((call) => /first|second/.test(call) && !own.includes(call)), []);
  }
  await Promise.all(dashboards.map(({ page }) => page.close()));
});

test("I39: the shell of one session answers nothing for the session of another", { timeout: 120_000 }, async () => {
  const tabs = [];
  for (const slug of ["echo", "neighbor"]) {
    const tab = await browser.context.newPage();
    await tab.goto(await host.launch(slug));
    await tab.locator("iframe.frame").waitFor();
    tabs.push(tab);
  }
  const [first, second] = tabs.map((tab) => new URL(tab.url()).pathname);
  const jar = await browser.context.cookies(host.address);
  const named = (path) => jar.find(({ name }) => name === `__Host-airlock_${path.split("/")[2]}`);
  const ask = (path, ...cookies) =>
    fetch(`${host.address}${path}api/calls`, { headers: { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join("; "), "sec-fetch-site": "same-origin" } });
  assert.equal((await ask(first, named(first))).status, 200, "the control");
  assert.equal((await ask(first, named(second))).status, 401);
  // The cookie of the second session under the name of the first one.
  assert.equal((await ask(first, { name: named(first).name, value: named(second).value })).status, 401);
  await Promise.all(tabs.map((tab) => tab.close()));
});

test("T5: the launch token stands in the one address that carries it, and nowhere after", { timeout: 120_000 }, async (t) => {
  host.recorder.forget();
  const dashboard = await Dashboard.open(browser.context, host);
  await dashboard.launch("echo");
  await dashboard.portal().getByTestId("echo-state").filter({ hasText: "ready" }).waitFor();
  const launch = await dashboard.get("portal-frame").getAttribute("src");
  const [token] = TOKEN.exec(launch);
  const { records } = host.recorder;

  await t.test("one request of the browser carried it, and no referrer names it", () => {
    const carried = records.filter(({ path }) => TOKEN.test(decodeURIComponent(path)));
    // Cloud may look at the address too before it gives it to the browser; its looks tell no site.
    assert.deepEqual(new Set(carried.map(({ method, path }) => `${method} ${new URL(path, host.address).pathname}`)), new Set(["GET /enter"]));
    assert.equal(carried.filter(({ site }) => site !== null).length, 1);
    assert.deepEqual(records.filter(({ referer }) => referer !== null && TOKEN.test(decodeURIComponent(referer))), []);
    assert.ok(records.some(({ path }) => path.startsWith("/s/")), "the control: the session was opened");
  });

  await t.test("no page that followed holds it, in its text, its address or its history", async () => {
    const inside = dashboard.page.frames().filter((frame) => frame.url().startsWith(host.address));
    assert.equal(inside.length, 2, inside.map((frame) => frame.url()).join(" "));
    for (const frame of inside) {
      assert.ok(!(await frame.content()).includes(token));
      assert.doesNotMatch(frame.url(), TOKEN);
      assert.doesNotMatch(await frame.evaluate(() => document.referrer), TOKEN);
    }
  });

  await t.test("the log at its most talkative does not hold it", () => {
    const log = host.said();
    assert.match(log, /TRACE/, "the control: the log is talkative");
    assert.match(log, /\/enter/, "the control: the request stands in it");
    assert.ok(!log.includes(token));
    assert.doesNotMatch(log, TOKEN);
  });
  await dashboard.page.close();
});
