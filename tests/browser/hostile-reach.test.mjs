// A hostile page looks around: storage, other windows, other places of the same host, and ways to leave.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { attackNames, pause } from "./lib/attacks.mjs";
import { startBrowser } from "./lib/browser.mjs";
import { Cage } from "./lib/cage.mjs";
import { startHost } from "./lib/host.mjs";
import { openTraps } from "./lib/trap.mjs";

const FILES = ["network.js", "links.js", "reach.js"];
const REACHES = await attackNames(FILES, "reaches");
const SAME_HOST = await attackNames(FILES, "sameHost");
const DEPARTURES = await attackNames(FILES, "departures");
/** Images and scripts may come from the public origin, so these are asked for. The host refuses all but public files. */
const ASKED_FOR = new Map([
  ["image of the api", "GET /s/{sid}/api/seen/image 403"],
  ["script of the api", "GET /s/{sid}/api/seen/script 403"],
  ["module of the api", "GET /s/{sid}/api/seen/module 403"],
  ["script of the neighbor", "GET /ui/neighbor/{digest}/index.html 200"],
]);

let host;
let browser;
let traps;
let neighbor;

before(async () => {
  traps = await openTraps(DEPARTURES);
  host = await startHost(["hostile", "neighbor"], { recorded: true });
  await host.install("hostile");
  await host.install("neighbor");
  browser = await startBrowser();
}, { timeout: 300_000 });

after(async () => {
  await browser?.close();
  await host?.stop();
  traps?.close();
});

/** Runs one function of the page's; gives "got …" or why not. */
function tryOne(frame, table, name, ...given) {
  return frame.evaluate(
    async ([table, name, given]) => {
      const patience = new Promise((_, reject) => setTimeout(reject, 2_000, new Error("nothing happens")));
      try {
        return `got ${JSON.stringify(await Promise.race([globalThis[table][name](...given), patience]))}`;
      } catch (error) {
        return `${error?.name ?? "refused"}: ${error?.message ?? error}`;
      }
    },
    [table, name, given],
  );
}

test("the page finds no storage, no other window and no device", { timeout: 120_000 }, async (t) => {
  const cage = await Cage.open(browser.context, host);
  for (const name of REACHES) {
    await t.test(name, async () => assert.doesNotMatch(await tryOne(cage.frame, "reaches", name), /^got/));
  }
  await t.test("and the host was asked for nothing", () => assert.deepEqual(cage.asked(), []));
  await cage.close();
});

test("other places of the same host stay out of reach, even for a page that knows their addresses", { timeout: 120_000 }, async (t) => {
  neighbor = await neighborDigest();
  const cage = await Cage.open(browser.context, host);
  for (const name of SAME_HOST) {
    await t.test(name, async () => {
      host.recorder.forget();
      const outcome = await tryOne(cage.frame, "sameHost", name, cage.sid, neighbor);
      await pause(200);
      const expected = ASKED_FOR.get(name)?.replace("{sid}", cage.sid).replace("{digest}", neighbor);
      assert.deepEqual(cage.asked(), expected ? [expected] : [], outcome);
    });
  }
  await t.test("and the app's component was called by none of them", async () => assert.deepEqual(await cage.calls(), []));
  await cage.close();
});

test("the page can't leave for another host, another app or a window of its own", { timeout: 300_000 }, async (t) => {
  const cage = await Cage.open(browser.context, host);
  const windows = browser.context.pages().length;
  for (const name of DEPARTURES) {
    for (const [place, address] of Object.entries(destinations(name, cage))) {
      await t.test(`${name}, to ${place}`, async () => {
        await cage.renew();
        traps.forget();
        const outcome = await tryOne(cage.frame, "departures", name, address.replace("{sid}", cage.sid)).catch(() => "gone");
        await pause(500);
        assert.deepEqual(traps.arrived(name), [], outcome);
        assert.deepEqual(cage.asked(), [], outcome);
        assert.equal(browser.context.pages().length, windows, outcome);
        assert.equal(new URL(cage.dashboard.page.url()).origin, host.dashboard, outcome);
      });
    }
  }
  await cage.close();
});

function destinations(name) {
  return {
    "another host": `http://127.0.0.1:${traps.port(name)}/away`,
    "another app's page": `${host.address}/ui/neighbor/${neighbor}/index.html`,
    "the session's api": `${host.address}/s/{sid}/api/seen/away`,
  };
}

/** The version of the neighbor's page, as it stands in the address of its frame. */
async function neighborDigest() {
  const page = await browser.context.newPage();
  await page.goto(await host.launch("neighbor"));
  const source = await page.locator("iframe.frame").getAttribute("src");
  await page.close();
  return source.split("/")[3];
}
