// Chromium as people have it: a profile of its own and nothing switched off that a page could meet.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

import { temporaryFolder } from "./cleanup.mjs";
import { chromiumPath } from "./paths.mjs";

const FLAGS = [
  "--headless",
  "--remote-debugging-pipe",
  "--no-first-run",
  "--no-default-browser-check",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  "--password-store=basic",
  "--use-mock-keychain",
  "--lang=en-GB",
];
const LAUNCH_LIMIT_MS = 60_000;
const ACTION_LIMIT_MS = 30_000;

/**
 * Starts a browser and gives its context. Its profile is an ordinary one, not a private window: there the browser looks
 * names up and opens connections ahead of time, which is one of the ways out that a page may try.
 * With `blockThirdPartyCookies` it is set as many people's are; with `log` it keeps a record of its network.
 */
export async function startBrowser({ blockThirdPartyCookies = false, log = false, ...options } = {}) {
  const profile = await temporaryFolder("profile");
  const logFile = join(profile, "network.json");
  const cookie_controls_mode = blockThirdPartyCookies ? 1 : 0;
  mkdirSync(join(profile, "Default"));
  writeFileSync(join(profile, "Default/Preferences"), JSON.stringify({ profile: { cookie_controls_mode, block_third_party_cookies: blockThirdPartyCookies } }));
  const args = [...FLAGS, `--user-data-dir=${profile}`];
  if (process.getuid?.() === 0) args.push("--no-sandbox");
  if (log) args.push(`--log-net-log=${logFile}`);
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath(),
    ignoreDefaultArgs: true,
    args: [...args, "about:blank"],
    timeout: LAUNCH_LIMIT_MS,
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    timezoneId: "UTC",
    ...options,
  });
  context.setDefaultTimeout(ACTION_LIMIT_MS);
  return {
    context,
    /** Ends the browser and gives what it wrote about its network. */
    async close() {
      await context.close();
      return log && existsSync(logFile) ? readFileSync(logFile, "utf8") : "";
    },
  };
}
