// A hostile page speaks to the shell by itself, and asks for everything but what it may ask for.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { attackNames } from "./lib/attacks.mjs";
import { startBrowser } from "./lib/browser.mjs";
import { Cage } from "./lib/cage.mjs";
import { appFrame } from "./lib/dashboard.mjs";
import { startHost } from "./lib/host.mjs";

/** `{sid}`, `{host}` and `{elsewhere}` are filled in. None of these is an address under the session's `api/`. */
const PATHS = [
  "", "/", "api", "/api/seen/x", "./api/seen/x", "../api/seen/x", "API/seen/x", " api/seen/x", "\tapi/seen/x", "api\\seen\\x",
  "../../session", "../session", "/session", "session", "events", "../../enter", "/airlock.js", "?token=x", "#x",
  "{host}/session", "{host}/s/{sid}/api/seen/x", "{host}/s/{sid}/events", "//{elsewhere}/x", "http://{elsewhere}/x", "https:api/seen/x",
  "http:/s/{sid}/api/seen/x", "\\\\{elsewhere}\\x", "/\\{elsewhere}/x", "http://user:word@{elsewhere}/x", "{host}@{elsewhere}/x",
  "javascript:fetch('/session')", "data:text/plain,x", "blob:{host}/x", "file:///etc/passwd",
  "api/..", "api/../", "api/../../session", "api/../../../session", "api/seen/../../../session", "api/./../../session", "api/.",
  "api/%2e%2e/%2e%2e/session", "api/%2E%2E/events", "api/.%2e/events", "api/%2e./events", "api/..%2fevents", "api/%2e%2e%2fevents",
  "api/..%5cevents", "api/..\\..\\session", "api/%5c..%5c..", "api/%252e%252e/%252e%252e/session", "api/%252fsession", "api/%25%32%65",
  "api//seen/x", "api//{elsewhere}/x", "api/seen//x", "api/seen/%2f", "api/seen%2fx", "api/seen/%00", "api/seen/%0d%0ax", "api/seen/x\r\nhost: y",
  "api/seen/x y", "api/seen/\u00e9", "api/seen/\uff0e\uff0e/x", "api/\u2025/x", "api/seen/%", "api/seen/%zz", "api/seen/%ff", "api/seen/x#y", "api/seen/x?y#z",
  "api/seen/x?\\", `api/${"x".repeat(9_000)}`,
];
const METHODS = ["CONNECT", "TRACE", "TRACK", "OPTIONS", "HEADERS", "get", "Post", "", " GET", "GET ", "GET\r\nx", "PROPFIND", "M-SEARCH", null, 7, ["GET"]];
const IDS = [null, "1", 1.5, NaN, Infinity, -Infinity, 2 ** 53, {}, [1], true];
const STOLEN_HEADERS = ["cookie", "authorization", "host", "origin", "referer", "content-length", "transfer-encoding", "content-encoding", "connection", "x-forwarded-for", "x-api-key", "sec-fetch-site", "airlock-digest", "proxy-authorization", "range", "te", "user-agent"];

let host;
let browser;

before(async () => {
  host = await startHost(["hostile"], { recorded: true });
  await host.install("hostile");
  browser = await startBrowser();
}, { timeout: 300_000 });

after(async () => {
  await browser?.close();
  await host?.stop();
});

/** A hostile page with a channel. */
async function knocked() {
  const cage = await Cage.open(browser.context, host);
  await cage.knock();
  return cage;
}

test("the channel answers what lies under api/, so the refusals below mean something", { timeout: 60_000 }, async () => {
  const cage = await knocked();
  const before = await cage.calls();
  for (const [path, seen] of [["api/seen/x", ["seen", "x"]], ["api/seen/a%20b/?q=%2e%2e/", ["seen", "a b"]], ["api/seen/...", ["seen", "..."]]]) {
    const { status, text } = await cage.say({ path, method: "GET" });
    assert.equal(status, 200, path);
    assert.deepEqual(JSON.parse(text).path, seen);
  }
  assert.equal((await cage.calls()).length, before.length + 3);
  await cage.close();
});

test("no path leaves api/", { timeout: 180_000 }, async (t) => {
  const cage = await knocked();
  const before = await cage.calls();
  host.recorder.forget();
  const elsewhere = host.dashboard.replace("http://", "");
  for (const [place, path] of PATHS.entries()) {
    const filled = path.replace("{sid}", cage.sid).replace("{host}", host.address).replace("{elsewhere}", elsewhere);
    await t.test(`${place}: ${JSON.stringify(path.slice(0, 60))}`, async () => {
      const answer = await cage.say({ path: filled, method: "POST" });
      assert.equal(answer?.error, "refused", JSON.stringify(answer));
      assert.equal(answer.status, undefined);
    });
  }
  await t.test("the host was asked for nothing, and the component was called by none", async () => {
    assert.deepEqual(cage.asked(), []);
    assert.deepEqual(await cage.calls(), before);
  });
  await cage.close();
});

test("no odd method, message or id gets through", { timeout: 120_000 }, async (t) => {
  const cage = await knocked();
  const before = await cage.calls();
  host.recorder.forget();
  for (const method of METHODS) {
    await t.test(`method ${JSON.stringify(method)}`, async () => {
      assert.equal((await cage.say({ path: "api/seen/odd", method }))?.error, "refused");
    });
  }
  for (const name of await attackNames(["channel.js"], "oddMessages")) {
    await t.test(name, async () => {
      const answer = await cage.frame.evaluate((name) => globalThis.say(globalThis.oddMessages[name]()), name);
      assert.equal(answer?.error, "refused");
    });
  }
  await t.test("a message without a whole number for its id is not answered", async () => {
    const answers = await cage.frame.evaluate((ids) => Promise.all(ids.map((id) => globalThis.say({ id, path: "api/seen/odd", method: "GET" }, 1_000))), IDS);
    assert.deepEqual(answers, IDS.map(() => null));
    const bare = await cage.frame.evaluate((messages) => Promise.all(messages.map((message) => globalThis.say(message, 500))), ["text", 7, null]);
    assert.deepEqual(bare, [null, null, null]);
  });
  await t.test("the host was asked for nothing, and the component was called by none", async () => {
    assert.deepEqual(cage.asked(), []);
    assert.deepEqual(await cage.calls(), before);
  });
  await cage.close();
});

test("of a page's headers the component sees four, of the session's none", { timeout: 60_000 }, async () => {
  const cage = await knocked();
  const headers = [...STOLEN_HEADERS.map((name) => [name, "stolen"]), ["Accept", "text/x-own"], ["accept-language", "eo"], ["content-type", "text/x-own"], ["if-none-match", '"x"']];
  const { text } = await cage.say({ path: "api/seen/headers", method: "POST", headers });
  assert.deepEqual(JSON.parse(text).headers, [["accept", "text/x-own"], ["accept-language", "eo"], ["content-type", "text/x-own"], ["if-none-match", '"x"']]);
  await cage.close();
});

test("a component's answer can't set a cookie or say where to go", { timeout: 60_000 }, async (t) => {
  const cage = await knocked();
  const cookies = async () => (await browser.context.cookies()).map(({ name }) => name).sort();
  const before = await cookies();
  for (const [name, value] of [["set-cookie", "stolen=1"], ["location", "/session"], ["refresh", "0;url=/session"], ["clear-site-data", '"cookies"'], ["airlock-digest", "0".repeat(64)]]) {
    await t.test(name, async () => {
      const answer = await cage.say({ path: `api/header?name=${name}&value=${encodeURIComponent(value)}`, method: "GET" });
      assert.doesNotMatch(JSON.stringify(answer.headers ?? []), new RegExp(name));
      assert.deepEqual(await cookies(), before);
      assert.equal(await appFrame(cage.dashboard.page, "hostile"), cage.frame);
    });
  }
  await cage.close();
});

test("an app that says 302, 401 or 410 is answered as it says, and its view goes on", { timeout: 60_000 }, async (t) => {
  const cage = await knocked();
  for (const code of [302, 401, 403, 410, 500]) {
    await t.test(String(code), async () => assert.equal((await cage.say({ path: `api/status/${code}`, method: "GET" })).status, code));
  }
  assert.equal((await cage.say({ path: "api/seen/still", method: "GET" })).status, 200);
  await cage.close();
});

test("a second hello ends the view: from the same page, and from another page in the same frame", { timeout: 60_000 }, async (t) => {
  const left = (cage) => cage.dashboard.shell().getByRole("heading", { name: "Hostile left its page" });
  await t.test("the same page greets twice", async () => {
    const cage = await knocked();
    await cage.frame.evaluate(() => globalThis.knock(100)).catch(() => {});
    await left(cage).waitFor();
    assert.equal(await cage.dashboard.shell().locator("iframe").count(), 0);
    await cage.close();
  });
  await t.test("another page of the app greets after the first", async () => {
    const cage = await knocked();
    await cage.frame.evaluate(() => void (location.href = "second.html"));
    await cage.dashboard.portal().getByText("Second page").waitFor();
    const second = await appFrame(cage.dashboard.page, "hostile");
    await second.evaluate(() => globalThis.knock(500)).catch(() => {});
    await left(cage).waitFor();
    await cage.close();
  });
  await t.test("a frame inside the page is not the page: it gets no channel, and takes none away", async () => {
    const cage = await Cage.open(browser.context, host);
    await cage.frame.evaluate(() => {
      const inner = document.createElement("iframe");
      inner.srcdoc = "<p>inner</p>";
      document.body.append(inner);
      return new Promise((resolve) => (inner.onload = resolve));
    });
    const [inner] = cage.frame.childFrames();
    const given = await inner.evaluate(() => {
      parent.parent.postMessage({ airlock: "hello" }, "*");
      return new Promise((resolve) => {
        addEventListener("message", () => resolve(true));
        setTimeout(resolve, 1_000, false);
      });
    });
    assert.equal(given, false);
    assert.equal(await cage.frame.evaluate(() => globalThis.knock()), true);
    await cage.close();
  });
});
