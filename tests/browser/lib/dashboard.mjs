// The dashboard as a person uses it.

import assert from "node:assert/strict";

/** The dashboard in one page of a browser. */
export class Dashboard {
  constructor(page, host) {
    this.page = page;
    this.host = host;
  }

  /** Opens the dashboard and waits until it is live. */
  static async open(context, host, address = "/") {
    const page = await context.newPage();
    await page.goto(host.dashboard + address);
    await page.locator("#connection[data-state=live]").waitFor();
    return new Dashboard(page, host);
  }

  get(testId) {
    return this.page.getByTestId(testId);
  }

  /** Installs an app with exactly these scopes, by its dialog. */
  async install(slug, scopes) {
    await this.get(`install-${slug}`).click();
    const boxes = this.page.locator("[data-testid^=grant-]");
    for (const box of await boxes.all()) {
      await box.setChecked(scopes.includes(await box.getAttribute("name")));
    }
    await this.get("confirm-install").click();
    await this.get(`launch-${slug}`).waitFor();
  }

  /** Launches an app into the frame. */
  async launch(slug) {
    await this.get(`launch-${slug}`).click();
    return this.portal();
  }

  /** The app's page in the frame: inside the dashboard's frame stands the host's shell, inside that the page. */
  portal() {
    return this.page.frameLocator("[data-testid=portal-frame]").frameLocator("iframe.frame");
  }

  /** The host's own page in the frame. */
  shell() {
    return this.page.frameLocator("[data-testid=portal-frame]");
  }

  /** Waits until `find()` is seen inside the frame. The dashboard may exchange the frame meanwhile; then the new one is looked into. */
  async sees(find) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await find().waitFor();
      } catch (error) {
        const exchanged = /has been closed|was detached/.test(error.message) && !this.page.isClosed();
        if (!exchanged || tries === 3) throw error;
      }
    }
  }

  async setSize(size) {
    await this.get(`frame-size-${size}`).click();
    assert.equal(await this.get(`frame-size-${size}`).getAttribute("aria-pressed"), "true");
  }

  async uninstall(slug) {
    await this.get(`uninstall-${slug}`).click();
    await this.get("confirm-uninstall").click();
    await this.get(`install-${slug}`).waitFor();
  }
}

/** The app's page of a browser page as a frame in which scripts can be run. A frame that goes away while waiting is left. */
export async function appFrame(page, slug, limit = 30_000) {
  const deadline = Date.now() + limit;
  while (Date.now() < deadline) {
    const frame = page.frames().find((each) => new URL(each.url() || "about:blank").pathname.startsWith(`/ui/${slug}/`));
    const ready = frame && (await frame.evaluate(() => document.readyState).catch(() => ""));
    if (ready === "complete") return frame;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`The page of ${slug} did not appear. Frames: ${page.frames().map((frame) => frame.url()).join(" ")}`);
}
