// The session's cookie in other people's frames: it works where third-party cookies are blocked, and nobody else may frame.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { pause } from "./lib/attacks.mjs";
import { startBrowser } from "./lib/browser.mjs";
import { Dashboard, appFrame } from "./lib/dashboard.mjs";
import { startHost } from "./lib/host.mjs";

let host;
let stranger;
/** Another dashboard, which the operator has allowed. */
let partner;

before(async () => {
  [stranger, partner] = await Promise.all([startStranger(), startStranger()]);
  host = await startHost(["echo"], { recorded: true, environment: { AIRLOCK_CLOUD__FRAME_ANCESTORS: `["'self'", "${partner.here}"]` } });
  await host.install("echo");
}, { timeout: 300_000 });

after(async () => {
  for (const each of [stranger, partner]) each?.close();
  await host?.stop();
});

/** Another site: `/frame?to=…` shows an address in a frame; `/third` sets two cookies, one of them partitioned, and tells what it is sent. */
async function startStranger() {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://stranger");
    response.setHeader("content-type", "text/html");
    if (pathname === "/third") {
      const common = "Secure; SameSite=None; Path=/";
      response.setHeader("set-cookie", [`plain=1; ${common}`, `parted=1; ${common}; Partitioned`]);
      response.end(`<p id="sent">${request.headers.cookie ?? "nothing"}</p>`);
    } else {
      response.end(`<iframe src="${searchParams.get("to")?.replaceAll('"', "&quot;").replaceAll("&", "&amp;")}"></iframe>`);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return {
    /** The same server under two names: two sites. */
    here: `http://localhost:${port}`,
    there: `http://127.0.0.1:${port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

test("with third-party cookies blocked the portal works in the dashboard's frame, since its cookie is partitioned", { timeout: 120_000 }, async (t) => {
  const browser = await startBrowser({ blockThirdPartyCookies: true });
  try {
    await t.test("the browser blocks what is not partitioned", async () => {
      const page = await browser.context.newPage();
      const address = `${stranger.here}/frame?to=${encodeURIComponent(`${stranger.there}/third`)}`;
      await page.goto(address);
      await page.goto(address);
      assert.equal(await page.frameLocator("iframe").locator("#sent").innerText(), "parted=1");
      await page.close();
    });
    const dashboard = await Dashboard.open(browser.context, host);
    await t.test("launching, calling and remounting work", async () => {
      await dashboard.launch("echo");
      for (const size of ["narrow", "full"]) {
        await dashboard.sees(() => dashboard.portal().getByTestId("echo-state").filter({ hasText: "ready" }));
        await dashboard.setSize(size);
        await pause(300);
      }
      const frame = await appFrame(dashboard.page, "echo");
      assert.equal(await frame.evaluate(async () => (await fetch("api/seen/blocked")).status), 200);
    });
    await t.test("the cookie is what it should be, and belongs to the dashboard's part of the jar", async () => {
      const cookies = (await browser.context.cookies()).filter(({ name }) => name.includes("airlock"));
      assert.equal(cookies.length, 1, JSON.stringify(cookies.map(({ name }) => name)));
      const [{ name, httpOnly, secure, sameSite, path, partitionKey }] = cookies;
      assert.match(name, /^__Host-airlock_[\w-]{10}$/);
      assert.deepEqual({ httpOnly, secure, sameSite, path }, { httpOnly: true, secure: true, sameSite: "None", path: "/" });
      assert.equal(partitionKey, "http://localhost");
    });
    await t.test("the shell's address alone opens nothing in a tab: the cookie stays in its part", async () => {
      const shell = dashboard.page.frames().find((frame) => new URL(frame.url()).pathname.startsWith("/s/")).url();
      const tab = await browser.context.newPage();
      const answer = await tab.goto(shell);
      assert.equal(answer.status(), 401);
      await tab.getByRole("heading", { name: "Launch the app again" }).waitFor();
      await tab.close();
    });
  } finally {
    await browser.close();
  }
});

test("no stranger can frame the portal, not even around a page that may", { timeout: 120_000 }, async (t) => {
  const browser = await startBrowser();
  const page = await browser.context.newPage();
  const shown = () => page.frames().slice(1).map((frame) => frame.url());
  /** Frames an address in each given page, the first outermost; gives what the innermost shows once that is the browser's own error, else what it shows in the end. */
  async function framed(...pages) {
    const address = pages.reduceRight((inner, outer) => `${outer}/frame?to=${encodeURIComponent(inner)}`);
    await page.goto(address);
    const end = Date.now() + 10_000;
    while (!shown().at(-1)?.startsWith("chrome-error:") && Date.now() < end) await pause(50);
    return shown().at(-1);
  }
  try {
    const launch = await host.launch("echo");
    const tab = await browser.context.newPage();
    await tab.goto(await host.launch("echo"));
    await tab.frameLocator("iframe.frame").getByTestId("echo-state").waitFor();
    const addresses = {
      "the launch page": launch,
      "the shell of a live session": tab.url(),
      "the app's page": new URL(await tab.locator("iframe.frame").getAttribute("src"), host.address).href,
      "an unknown address": `${host.address}/nothing`,
      "an unknown page of an app": `${host.address}/ui/echo/nothing`,
    };
    host.recorder.forget();
    for (const [name, address] of Object.entries(addresses)) {
      await t.test(`${name}, framed by a stranger`, async () => {
        assert.match(await framed(stranger.here, address), /^chrome-error:/);
        assert.match(await framed(stranger.there, address), /^chrome-error:/);
      });
    }
    await t.test("an allowed dashboard that is itself framed by a stranger", async () => {
      assert.match(await framed(stranger.there, partner.here, launch), /^chrome-error:/);
      assert.match(await framed(stranger.there, host.dashboard), /^chrome-error:/, "the dashboard lets itself be framed");
    });
    await t.test("none of the strangers was given a session", () => assert.deepEqual(host.recorder.records.filter(({ path }) => path === "/session"), []));
    await t.test("the launch address was not used up by any of it, and opens in the allowed dashboard", async () => {
      await page.goto(`${partner.here}/frame?to=${encodeURIComponent(launch)}`);
      await page.frameLocator("iframe").frameLocator("iframe.frame").getByTestId("echo-state").filter({ hasText: "ready" }).waitFor();
    });
  } finally {
    await browser.close();
  }
});
