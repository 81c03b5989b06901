// A page with an injection in it. Each attempt is made twice: in an ordinary page, where it must run, or it would prove
// nothing; and in the portal, where it may not.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { attackNames, eventually, serveUncaged } from "./lib/attacks.mjs";
import { startBrowser } from "./lib/browser.mjs";
import { Cage } from "./lib/cage.mjs";
import { startHost } from "./lib/host.mjs";

const FILES = ["network.js", "links.js", "inject.js"];
const INJECTIONS = await attackNames(["inject.js"], "injections");

let host;
let browser;
let uncaged;

before(async () => {
  uncaged = await serveUncaged(FILES);
  host = await startHost(["hostile"], { recorded: true });
  await host.install("hostile");
  browser = await startBrowser();
}, { timeout: 300_000 });

after(async () => {
  await browser?.close();
  await host?.stop();
  uncaged?.close();
});

/** Whether an injected script has run, at most so many milliseconds later. */
async function hasRun(frame, name, limit) {
  await frame.evaluate((name) => globalThis.inject(name), name);
  return Boolean(await eventually(() => frame.evaluate(() => globalThis.injected), limit));
}

test("in an ordinary page an injected script runs", { timeout: 120_000 }, async (t) => {
  const page = await browser.context.newPage();
  await page.goto(uncaged.address);
  for (const name of INJECTIONS) {
    await t.test(name, async () => assert.equal(await hasRun(page, name, 10_000), true));
  }
  await page.close();
});

test("h42 a script that is injected into a portal's page does not run", { timeout: 120_000 }, async (t) => {
  const cage = await Cage.open(browser.context, host);
  for (const name of INJECTIONS) {
    await t.test(name, async () => assert.equal(await hasRun(cage.frame, name, 500), false));
  }
  await cage.close();
});
