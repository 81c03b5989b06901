// A hostile page tries every way to reach somebody else. Each attempt is made twice: from an ordinary page, where it must
// arrive, or the attempt would prove nothing; and from the portal, where nothing may arrive.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { attackNames, attempt, eventually, pause, serveUncaged } from "./lib/attacks.mjs";
import { startBrowser } from "./lib/browser.mjs";
import { Cage } from "./lib/cage.mjs";
import { startHost } from "./lib/host.mjs";
import { openTraps } from "./lib/trap.mjs";

const FILES = ["network.js", "links.js"];
const ATTEMPTS = await attackNames(FILES);
/** What this browser refuses to an ordinary page too, or does only when it likes to. Kept, since another version may. */
const UNCERTAIN = new Set(["worker from elsewhere", "speculation rules", "subtitles"]);
const ARRIVAL_LIMIT_MS = 10_000;
/** Long enough for what a browser does late or again, such as WebRTC's second tries. */
const SETTLE_MS = 3_000;

let host;
let browser;
let traps;
let uncagedTraps;
let uncaged;

before(async () => {
  [traps, uncagedTraps, uncaged] = await Promise.all([openTraps(ATTEMPTS), openTraps(ATTEMPTS), serveUncaged(FILES)]);
  host = await startHost(["hostile"], { recorded: true });
  await host.install("hostile");
  browser = await startBrowser();
}, { timeout: 300_000 });

after(async () => {
  await browser?.close();
  await host?.stop();
  for (const each of [traps, uncagedTraps, uncaged]) each?.close();
});

test("from an ordinary page the attempts arrive", { timeout: 300_000 }, async (t) => {
  for (const name of ATTEMPTS) {
    await t.test(name, async () => {
      const page = await browser.context.newPage();
      await page.goto(uncaged.address);
      const outcome = await attempt(page, name, uncagedTraps.port(name)).catch(() => "the page went away");
      const limit = UNCERTAIN.has(name) ? 500 : ARRIVAL_LIMIT_MS;
      const arrived = await eventually(() => uncagedTraps.arrived(name).length > 0, limit);
      // A window that the attempt opened goes as well.
      for (const opened of browser.context.pages().slice(1)) await opened.close();
      assert.ok(arrived || UNCERTAIN.has(name), outcome);
    });
  }
});

test("from the portal nothing arrives", { timeout: 180_000 }, async (t) => {
  const cage = await Cage.open(browser.context, host);
  const windows = browser.context.pages().length;
  const asked = [];
  const outcomes = new Map();
  for (const name of ATTEMPTS) {
    outcomes.set(name, await attempt(cage.frame, name, traps.port(name)).catch(() => "the page went away"));
    await pause(50);
    const place = await cage.frame.evaluate(() => location.pathname).catch(() => "");
    if (place.startsWith("/ui/hostile/")) continue;
    // The browser stopped the page where it tried to go, and shows an error in its place: a fresh one takes over.
    asked.push(...cage.asked());
    await cage.renew();
  }
  await pause(SETTLE_MS);
  asked.push(...cage.asked());

  for (const name of ATTEMPTS) {
    await t.test(name, () => assert.deepEqual(traps.arrived(name), [], outcomes.get(name)));
  }
  await t.test("the host was asked for nothing either", () => assert.deepEqual(asked, []));
  await t.test("no window was opened, and the dashboard stands where it stood", () => {
    assert.equal(browser.context.pages().length, windows);
    assert.equal(new URL(cage.dashboard.page.url()).origin, host.dashboard);
  });
});

test("a name that the page wants looked up ahead of time is never asked for", { timeout: 120_000 }, async () => {
  const [free, caged] = ["free.airlock.invalid", "caged.airlock.invalid"];
  const other = await startBrowser({ log: true });
  const page = await other.context.newPage();
  await page.goto(uncaged.address);
  await page.evaluate((name) => globalThis.lookUp(name), free);
  const cage = await Cage.open(other.context, host);
  await cage.frame.evaluate((name) => globalThis.lookUp(name), caged);
  await pause(SETTLE_MS);
  const log = await other.close();
  assert.ok(log.includes(free), "the browser's record does not show lookups");
  assert.ok(!log.includes(caged), "the name left the portal");
});
