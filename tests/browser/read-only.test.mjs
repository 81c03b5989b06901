// Launched with `data:read` alone: what was not granted is shown, disabled, and refused to whoever asks directly.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startBrowser } from "./lib/browser.mjs";
import { Dashboard, appFrame } from "./lib/dashboard.mjs";
import { startHost } from "./lib/host.mjs";

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

test("with data:read alone a person sees everything and can decide nothing", { timeout: 120_000 }, async (t) => {
  const dashboard = await Dashboard.open(browser.context, host);
  let portal;
  let id;

  await t.test("the dashboard shows which permissions were not granted", async () => {
    await dashboard.install("kyc", ["data:read"]);
    const refused = await dashboard.get("app-card-kyc").locator(".scope-refused").allInnerTexts();
    assert.deepEqual(refused.map((text) => text.trim().split(/\s/)[0]), ["data:write", "alerts:write"]);
  });

  await t.test("identities are listed and shown", async () => {
    portal = await dashboard.launch("kyc");
    const row = portal.locator("[data-testid^=identity-row-]").first();
    id = await row.getAttribute("data-id");
    await row.click();
    await portal.getByTestId("detail-name").waitFor();
  });

  await t.test("the decision can't be made, and says which permission it needs", async () => {
    assert.match(await portal.getByTestId("missing-scope").innerText(), /data:write/);
    for (const control of ["decision-approved", "decision-rejected", "decision-review", "reason", "record-decision"]) {
      assert.ok(await portal.getByTestId(control).isDisabled(), control);
    }
  });

  await t.test("a direct request is 403 and names the permission", async () => {
    const frame = await appFrame(dashboard.page, "kyc");
    for (const path of [`api/identities/${id}/decision`, `api/identities/${id}/resume`]) {
      const answer = await frame.evaluate(async (path) => {
        const body = JSON.stringify({ decision: "approved", reason: "I insist on it", version: null });
        const given = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body });
        return { status: given.status, type: given.headers.get("content-type"), problem: await given.json() };
      }, path);
      assert.equal(answer.status, 403, path);
      assert.match(answer.type, /^application\/problem\+json/);
      assert.equal(answer.problem.scope, "data:write");
    }
  });

  await t.test("Cloud was sent reads alone, and the identity is as it was", async () => {
    const sent = (await host.requests()).filter(({ direction }) => direction === "app-to-cloud");
    assert.ok(sent.length > 0);
    const scopes = [...new Set(sent.map(({ scope }) => scope))];
    assert.deepEqual(scopes, ["data:read"], JSON.stringify(sent));
    const identity = await host.cloud("GET", `ledger/identities/${id}`);
    assert.equal(identity.meta_data?.kyc_app, undefined);
    assert.equal((await host.cloud("GET", "alerts")).data.filter((alert) => JSON.stringify(alert).includes(id)).length, 0);
  });
});
