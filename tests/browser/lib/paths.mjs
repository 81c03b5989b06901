// Where things are, and one sentence for each that is missing.

import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
export const GUESTS = join(ROOT, "guests");
export const TEST_PACKAGES = join(ROOT, "tests/browser/packages");
/** Packages built for these tests, kept from run to run. */
export const BUILT = join(ROOT, "target/browser-tests/plugins");
/** Screenshots. */
export const OUTPUT = join(ROOT, "tests/output");

/** The program under test. */
export function binary() {
  const path = process.env.AIRLOCK_TEST_BINARY ?? join(ROOT, "target/debug/airlock");
  if (!existsSync(path)) throw new Error(`The program is not at ${path}; try: cargo build`);
  return path;
}

export function chromiumPath() {
  const path = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
  if (!path || !existsSync(path)) throw new Error("Chromium is not here; try: apt-get install chromium, or set CHROMIUM to its path");
  return path;
}

/** The place of an output file; its folder is made. */
export function output(name) {
  mkdirSync(OUTPUT, { recursive: true });
  return join(OUTPUT, name);
}
