// A hostile page in the portal, with what a test needs to know of the session that the page itself is not told.

import { eventually, pause } from "./attacks.mjs";
import { Dashboard, appFrame } from "./dashboard.mjs";

/** What a portal may still be loading after its page has appeared: files, which anybody may have. */
const FILES = [/^\/assets\/[\w.]+$/, /^\/airlock\.js$/, /^\/ui\/hostile\/[0-9a-f]{64}\/\w+\.(html|js)$/];

export class Cage {
  constructor(dashboard, host) {
    this.dashboard = dashboard;
    this.host = host;
  }

  /** Launches the hostile app in a dashboard of its own. */
  static async open(context, host) {
    const cage = new Cage(await Dashboard.open(context, host), host);
    await cage.dashboard.launch("hostile");
    await cage.settle();
    return cage;
  }

  /** A fresh launch in the same dashboard. */
  async renew() {
    await this.dashboard.get("frame-relaunch").click();
    if (!(await eventually(() => this.frame.isDetached(), 30_000))) throw new Error("the old page stayed");
    await this.settle();
  }

  async settle() {
    this.frame = await appFrame(this.dashboard.page, "hostile");
    [, this.sid] = new URL(this.frame.parentFrame().url()).pathname.match(/^\/s\/([\w-]{10})\/$/);
    // The shell's own stream of events may be on its way still.
    await pause(150);
    this.host.recorder.forget();
  }

  /** What has been asked of the host since the page appeared, or since the recorder forgot, as "METHOD path status". */
  asked() {
    const odd = this.host.recorder.records.filter(({ path }) => !FILES.some((file) => file.test(path)));
    return odd.map(({ method, path, status }) => `${method} ${path} ${status}`);
  }

  /** Asks the shell for the page's channel, once: a second time would end the view. */
  async knock() {
    if (this.knocked === this.frame) return;
    if (!(await this.frame.evaluate(() => globalThis.knock()))) throw new Error("the shell gave no channel");
    this.knocked = this.frame;
  }

  /** Sends a message over the channel, as it is. */
  say(message) {
    return this.frame.evaluate((message) => globalThis.say(message), message);
  }

  /** What the app's component was called with so far: the neighbor's is the same program with a store of its own. */
  async calls() {
    await this.knock();
    const { text } = await this.say({ path: "api/calls", method: "GET" });
    return JSON.parse(text).sort();
  }

  close() {
    return this.dashboard.page.close();
  }
}
