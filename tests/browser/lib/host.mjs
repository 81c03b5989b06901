// `airlock dev` in an empty folder: the host, the simulated Cloud and its dashboard.

import { spawn } from "node:child_process";
import { createServer } from "node:net";

import { stop, temporaryFolder, track } from "./cleanup.mjs";
import { preparePackages } from "./packages.mjs";
import { binary } from "./paths.mjs";
import { startRecorder } from "./recorder.mjs";

const READY_LIMIT_MS = 120_000;
const READY = "Airlock is ready";
/** Where the other two listeners stand beside the public one. */
const OFFSETS = [0, 1, 1010];

/**
 * Starts a host with the named apps. With `recorded`, everything that browsers and Cloud ask of it passes a recorder.
 * `environment` is added to the program's own, `flags` to those of `airlock dev`; `values` fill the tests' pages.
 */
export async function startHost(apps, { recorded = false, environment = {}, values = {}, flags = [] } = {}) {
  const plugins = await preparePackages(apps, values);
  const folder = await temporaryFolder("host");
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePorts();
    const recorder = recorded ? await startRecorder(port) : null;
    try {
      return await start({ port, plugins, folder, environment, recorder, flags });
    } catch (error) {
      recorder?.close();
      // Somebody else may have taken a port in between.
      if (attempt === 3 || !error.message.includes("is taken")) throw error;
    }
  }
}

async function start({ port, plugins, folder, environment, recorder, flags: more }) {
  const address = recorder?.origin ?? `http://127.0.0.1:${port}`;
  const flags = ["dev", "--port", String(port), "--plugins", plugins, "--public-url", address, ...more];
  // The program refuses variables of its prefix that it does not know; this one is the harness's own.
  const { AIRLOCK_TEST_BINARY: _, ...inherited } = process.env;
  const env = { ...inherited, ...environment };
  const child = track(spawn(binary(), flags, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] }));
  let said = "";
  const listen = (chunk) => (said = (said + chunk).slice(-100_000));
  child.stdout.on("data", listen);
  child.stderr.on("data", listen);
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(new Error(`The host was not ready in time.\n${said}`)), READY_LIMIT_MS);
    const look = () => said.includes(READY) && finish();
    const gone = () => finish(new Error(`The host ended before it was ready.\n${said}`));
    function finish(error) {
      clearTimeout(timer);
      child.stdout.off("data", look);
      child.off("exit", gone);
      if (error) child.kill("SIGKILL");
      if (error) reject(error);
      else resolve();
    }
    child.stdout.on("data", look);
    child.once("exit", gone);
  });
  return new Host({ child, recorder, address, dashboard: `http://localhost:${port + 1}`, said: () => said });
}

/** A running host. */
class Host {
  #child;

  constructor({ child, recorder, address, dashboard, said }) {
    this.#child = child;
    /** Origin of the host. */
    this.address = address;
    /** Origin of the dashboard. */
    this.dashboard = dashboard;
    /** What was asked of the host, if it was started so. */
    this.recorder = recorder;
    /** Everything the program printed. */
    this.said = said;
  }

  async stop() {
    await stop(this.#child);
    this.recorder?.close();
  }

  /** Calls the dashboard's own API; an answer that is no success is an error. */
  async cloud(method, path, body) {
    const options = { method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body) };
    const answer = await fetch(`${this.dashboard}/dashboard/api/${path}`, options);
    const value = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${value.error}`);
    return value;
  }

  async app(slug) {
    const { apps } = await this.cloud("GET", "state");
    const found = apps.find((app) => app.slug === slug);
    if (!found) throw new Error(`${slug} is not registered.\n${this.said()}`);
    return found;
  }

  /** Installs an app with the scopes it asks for, or those given. */
  async install(slug, granted) {
    const app = await this.app(slug);
    const scopes = granted ?? app.permissions.map(({ scope }) => scope);
    return (await this.cloud("POST", `apps/${app.app_id}/install`, { granted: scopes })).install;
  }

  async uninstall(slug) {
    const { install } = await this.app(slug);
    await this.cloud("POST", `installs/${install.installed_app_id}/uninstall`, {});
  }

  /** A fresh launch address. */
  async launch(slug) {
    const { install } = await this.app(slug);
    return (await this.cloud("POST", `installs/${install.installed_app_id}/launch`, {})).portal_url;
  }

  /** What went between Cloud and apps. */
  async requests() {
    return (await this.cloud("GET", "requests?after=0")).data;
  }
}

/** A port whose companions are free as well. */
async function freePorts() {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = 20_000 + Math.floor(Math.random() * 30_000);
    const free = await Promise.all(OFFSETS.map((offset) => isFree(port + offset)));
    if (free.every(Boolean)) return port;
  }
  throw new Error("No three free ports were found.");
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
