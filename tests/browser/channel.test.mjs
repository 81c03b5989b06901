// The channel as an honest page uses it: `fetch("api/…")` behaves as fetch does.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { pause } from "./lib/attacks.mjs";
import { startBrowser } from "./lib/browser.mjs";
import { Dashboard, appFrame } from "./lib/dashboard.mjs";
import { startHost } from "./lib/host.mjs";

const MIB = 1 << 20;
let host;
let browser;
let dashboard;
let frame;

before(async () => {
  host = await startHost(["echo"], { recorded: true });
  await host.install("echo");
  browser = await startBrowser();
  dashboard = await Dashboard.open(browser.context, host);
  await dashboard.launch("echo");
  frame = await ready();
}, { timeout: 300_000 });

after(async () => {
  await browser?.close();
  await host?.stop();
});

/** The page, once it has spoken with its component. */
async function ready() {
  await dashboard.portal().getByTestId("echo-state").filter({ hasText: "ready" }).waitFor();
  return appFrame(dashboard.page, "echo");
}

test("all 256 byte values survive the way there and back, whatever kind of body carries them", { timeout: 60_000 }, async (t) => {
  for (const kind of ["ArrayBuffer", "a view into the middle of a buffer", "Blob", "Request", "stream"]) {
    await t.test(kind, async () => {
      const back = await frame.evaluate(async (kind) => {
        const bytes = Uint8Array.from({ length: 256 }, (_, place) => place);
        const around = new Uint8Array(300).fill(170);
        around.set(bytes, 20);
        const bodies = {
          "ArrayBuffer": bytes.buffer.slice(0),
          "a view into the middle of a buffer": around.subarray(20, 276),
          "Blob": new Blob([bytes], { type: "image/png" }),
          "Request": bytes,
          "stream": new Blob([bytes]).stream(),
        };
        const options = { method: "POST", headers: { "content-type": "image/png" }, body: bodies[kind], duplex: "half" };
        const answer = await (kind === "Request" ? fetch(new Request("api/echo", options)) : fetch("api/echo", options));
        return { status: answer.status, type: answer.headers.get("content-type"), bytes: [...new Uint8Array(await answer.arrayBuffer())] };
      }, kind);
      assert.deepEqual(back, { status: 200, type: "image/png", bytes: Array.from({ length: 256 }, (_, place) => place) });
    });
  }
});

test("forms and text are sent as fetch sends them", { timeout: 60_000 }, async () => {
  const types = await frame.evaluate(async () => {
    const form = new FormData();
    form.append("file", new Blob(["x"]), "x.txt");
    const kinds = [form, new URLSearchParams({ a: "b" }), "text", ""];
    return Promise.all(kinds.map(async (body) => {
      const seen = await (await fetch("api/seen/kind", { method: "POST", body })).json();
      return [seen.headers.find(([name]) => name === "content-type")?.[1].split(";")[0], seen.body_length > 0];
    }));
  });
  assert.deepEqual(types, [["multipart/form-data", true], ["application/x-www-form-urlencoded", true], ["text/plain", true], ["text/plain", false]]);
});

test("an answer of 2 MiB arrives whole, one byte more is an error, and so is too long a request", { timeout: 120_000 }, async (t) => {
  const size = (bytes) => frame.evaluate(async (bytes) => {
    const answer = await fetch(`api/size/${bytes}`);
    const body = new Uint8Array(await answer.arrayBuffer());
    return { status: answer.status, length: body.length, wrong: body.findIndex((byte, place) => byte !== place % 251) };
  }, bytes);
  await t.test("2 MiB of answer", async () => assert.deepEqual(await size(2 * MIB), { status: 200, length: 2 * MIB, wrong: -1 }));
  await t.test("a byte more", async () => {
    const { status, length } = await size(2 * MIB + 1);
    assert.equal(status, 502);
    assert.ok(length < 2_000);
  });
  const send = (bytes) => frame.evaluate(async (bytes) => {
    const body = new Uint8Array(bytes).fill(3);
    const answer = await fetch("api/length", { method: "POST", body });
    return { status: answer.status, told: await answer.json(), kept: body.length };
  }, bytes);
  await t.test("1 MiB of request", async () => assert.deepEqual(await send(MIB), { status: 200, told: { length: MIB, sum: 3 * MIB }, kept: MIB }));
  await t.test("a byte more, answered with a problem document", async () => {
    const { status, told } = await send(MIB + 1);
    assert.equal(status, 413);
    assert.match(told.detail, /1048576 bytes/);
  });
  await t.test("and the page goes on", async () => assert.equal((await send(1)).status, 200));
});

test("50 parallel calls are each answered with their own answer", { timeout: 120_000 }, async () => {
  const answers = await frame.evaluate(() => {
    const numbers = Array.from({ length: 50 }, (_, number) => number);
    return Promise.all(numbers.map(async (number) => {
      const answer = await fetch(`api/seen/parallel/${number}?n=${number}`, { method: "POST", body: "x".repeat(number) });
      return { status: answer.status, ...(await answer.json()) };
    }));
  });
  for (const [number, answer] of answers.entries()) {
    assert.equal(answer.status, 200, `call ${number}: ${JSON.stringify(answer)}`);
    assert.deepEqual(answer.path, ["seen", "parallel", String(number)]);
    assert.deepEqual([answer.query, answer.body_length], [[["n", String(number)]], number]);
  }
});

test("statuses without a body, HEAD, and other addresses behave as with fetch", { timeout: 60_000 }, async () => {
  const told = await frame.evaluate(async () => {
    const bodiless = await Promise.all([204, 304].map(async (code) => [(await fetch(`api/status/${code}`)).status, await (await fetch(`api/status/${code}`)).text()]));
    const { url, ok } = await fetch("api/seen/url");
    const elsewhere = await fetch("other.json").catch((error) => error.name);
    return { bodiless, ok, url: new URL(url).pathname.split("/").slice(-3), elsewhere };
  });
  assert.deepEqual(told, { bodiless: [[204, ""], [304, ""]], ok: true, url: ["api", "seen", "url"], elsewhere: "TypeError" });
});

test("a call that is aborted rejects at once, and the calls after it are answered", { timeout: 60_000 }, async () => {
  const told = await frame.evaluate(async () => {
    const controller = new AbortController();
    const begun = performance.now();
    const slow = fetch("api/slow/4000", { signal: controller.signal }).catch((error) => error.name);
    setTimeout(() => controller.abort(), 300);
    const name = await slow;
    const took = performance.now() - begun;
    const before = await fetch("api/seen/never", { signal: AbortSignal.abort() }).catch((error) => error.name);
    return { name, quick: took < 3_000, before, after: (await fetch("api/seen/after")).status };
  });
  assert.deepEqual(told, { name: "AbortError", quick: true, before: "AbortError", after: 200 });
  const calls = await frame.evaluate(async () => (await fetch("api/calls")).json());
  assert.ok(!calls.includes("GET seen/never"), "an aborted call was made");
});

test("a call during a remount is lost with its frame; the new frame works with the same session", { timeout: 120_000 }, async () => {
  const session = () => dashboard.page.frames().map((each) => new URL(each.url() || "about:blank").pathname).find((path) => path.startsWith("/s/"));
  const before = session();
  const old = frame;
  const slow = old.evaluate(() => fetch("api/slow/3000").then(({ status }) => status)).catch(() => "gone");
  await pause(300);
  await dashboard.setSize("narrow");
  frame = await ready();
  assert.equal(await slow, "gone");
  assert.notEqual(frame, old);
  assert.equal(session(), before);
  assert.equal(await frame.evaluate(async () => (await fetch("api/seen/remounted")).status), 200);
  assert.equal(dashboard.page.frames().filter((each) => each.url().includes("/ui/echo/")).length, 1);
});
