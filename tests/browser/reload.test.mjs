// Development: what is saved is live in the open portal, told by the event stream.

import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { eventually } from "./lib/attacks.mjs";
import { startBrowser } from "./lib/browser.mjs";
import { temporaryFolder } from "./lib/cleanup.mjs";
import { Dashboard, appFrame } from "./lib/dashboard.mjs";
import { startHost } from "./lib/host.mjs";
import { preparePackages } from "./lib/packages.mjs";

/** Ten times the goal of a second, and a margin for a busy machine. */
const LIMIT_MS = 20_000;
/** A compiler that copies: it says so in a file, and fails when the source says that it should. */
const COMPILER = `echo run >> compiled.txt
if grep -q broken src/app.txt; then echo "src/app.txt: this does not compile" >&2; exit 1; fi
cp prebuilt.wasm built.wasm`;

let app;
let host;
let browser;

before(async () => {
  const built = await preparePackages(["echo"]);
  app = join(await temporaryFolder("apps"), "echo");
  await cp(join(built, "echo"), app, { recursive: true });
  await cp(join(app, "app.wasm"), join(app, "prebuilt.wasm"));
  const manifest = (await readFile(join(app, "app.toml"), "utf8")).replace(/\[build\][\s\S]*?(?=\n\[|$)/, "");
  await writeFile(join(app, "app.toml"), `${manifest}\n[build]\ncommand = "sh compile.sh"\noutput = "built.wasm"\n`);
  await writeFile(join(app, "compile.sh"), COMPILER);
  await cp(join(app, "ui"), join(app, "src"), { recursive: true });
  await writeFile(join(app, "src/app.txt"), "first");
  host = await startHost([], { flags: ["--app", app] });
  await host.install("echo");
  browser = await startBrowser();
}, { timeout: 300_000 });

after(async () => {
  await browser?.close();
  await host?.stop();
});

const compilations = async () => (await readFile(join(app, "compiled.txt"), "utf8")).trim().split("\n").length;
const page = () => readFile(join(app, "ui/index.html"), "utf8");

/** Waits until the program has said something since `from`; gives all that it said since. */
async function untilSaid(pattern, from) {
  const said = () => host.said().slice(from);
  await eventually(() => pattern.test(said()), LIMIT_MS);
  assert.match(said(), pattern);
  return said();
}

test("a page that is saved is live in the open portal, and nothing is compiled for it", { timeout: 120_000 }, async () => {
  assert.match(host.said(), /Watching +echo/);
  const dashboard = await Dashboard.open(browser.context, host);
  await dashboard.launch("echo");
  const before = await appFrame(dashboard.page, "echo");
  assert.equal(await before.evaluate(async () => (await fetch("api/seen/before")).status), 200, "the older page works until then");
  const [address, from] = [before.url(), host.said().length];
  await writeFile(join(app, "ui/index.html"), (await page()).replace("<body>", '<body><p data-testid="mark">saved</p>'));
  await dashboard.portal().getByTestId("mark").filter({ hasText: "saved" }).waitFor({ timeout: LIMIT_MS });
  const frame = await appFrame(dashboard.page, "echo");
  assert.notEqual(frame.url(), address);
  assert.equal(await frame.evaluate(async () => (await fetch("api/seen/after")).status), 200, "the new page works");
  assert.equal(await compilations(), 1);
  await untilSaid(/^echo: page copied in \d+\.\d s, live$/m, from);
  await dashboard.page.close();
});

test("a source that is saved is built and live; a build that fails says why and changes nothing", { timeout: 120_000 }, async () => {
  const [from, built] = [host.said().length, await compilations()];
  // Saved without a change: nothing to do.
  await writeFile(join(app, "src/app.txt"), "first");
  await writeFile(join(app, "src/app.txt"), "second");
  await untilSaid(/^echo: rebuilt in \d+\.\d s, live$/m, from);
  assert.equal(await compilations(), built + 1);

  const failing = host.said().length;
  await writeFile(join(app, "src/app.txt"), "broken");
  await untilSaid(/^echo: what was built before stays$/m, failing);
  assert.match(host.said().slice(failing), /this does not compile/);
  const portal = await browser.context.newPage();
  await portal.goto(await host.launch("echo"));
  const frame = await appFrame(portal, "echo");
  assert.equal(await frame.evaluate(async () => (await fetch("api/seen/still")).status), 200);
  await portal.close();

  const mending = host.said().length;
  await writeFile(join(app, "src/app.txt"), "third");
  await untilSaid(/^echo: rebuilt in \d+\.\d s, live$/m, mending);
});
