// The packages that the tests serve: the sample app and probes as built, and pages of the tests' own over the component
// of one of them.

import { execFile } from "node:child_process";
import { cp, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { temporaryFolder } from "./cleanup.mjs";
import { BUILT, GUESTS, ROOT, TEST_PACKAGES, binary } from "./paths.mjs";

const SOURCES = {
  kyc: join(GUESTS, "kyc"),
  echo: join(GUESTS, "probes/echo"),
  lookout: join(GUESTS, "probes/lookout"),
  extract: join(GUESTS, "probes/extract"),
};
/** What builds leave and fetch in an app's folder. */
const LEFT = ["target", "node_modules", ".venv", "__pycache__"];
const BUILD_LIMIT_MS = 15 * 60_000;
const run = promisify(execFile);

/** The newest change below a folder, in milliseconds; what builds leave is not looked at. */
async function newest(path) {
  const found = await stat(path);
  if (!found.isDirectory()) return found.mtimeMs;
  const names = (await readdir(path)).filter((name) => !LEFT.includes(name));
  const times = await Promise.all(names.map((name) => newest(join(path, name))));
  return Math.max(0, ...times);
}

/** Builds a package of `guests/` unless it is there and newer than everything it is made of. */
async function build(slug) {
  const built = join(BUILT, slug, "app.wasm");
  const inputs = [SOURCES[slug], join(GUESTS, "sdk"), join(ROOT, "wit"), binary()];
  const changed = Math.max(...(await Promise.all(inputs.map(newest))));
  if (existsSync(built) && (await stat(built)).mtimeMs > changed) return;
  await mkdir(BUILT, { recursive: true });
  const folder = await temporaryFolder("build");
  // The program refuses variables of its prefix that it does not know; this one is the harness's own.
  const { AIRLOCK_TEST_BINARY: _, ...env } = process.env;
  try {
    await run(binary(), ["build", SOURCES[slug], "--plugins", BUILT], { cwd: folder, env, timeout: BUILD_LIMIT_MS, maxBuffer: 1 << 24 });
  } catch (error) {
    throw new Error(`The package ${slug} could not be built.\n${error.stdout ?? ""}${error.stderr ?? error.message}`);
  }
}

/** A page of the tests' own over the probe's component. `{{name}}` in its files becomes `values[name]`. */
async function assemble(slug, target, values) {
  await build("echo");
  await cp(join(TEST_PACKAGES, slug), target, { recursive: true });
  await cp(join(BUILT, "echo/app.wasm"), join(target, "app.wasm"));
  const ui = join(target, "ui");
  for (const name of await readdir(ui)) {
    const text = await readFile(join(ui, name), "utf8");
    await writeFile(join(ui, name), text.replace(/\{\{([\w-]+)\}\}/g, (_, key) => values[key]));
  }
}

/** A folder of packages with the named apps. */
export async function preparePackages(slugs, values = {}) {
  const plugins = await temporaryFolder("plugins");
  for (const slug of slugs) {
    const target = join(plugins, slug);
    if (slug in SOURCES) {
      await build(slug);
      await cp(join(BUILT, slug), target, { recursive: true });
    } else {
      await assemble(slug, target, values);
    }
  }
  return plugins;
}
