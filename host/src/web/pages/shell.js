// The shell: the host's own page, and the only holder of the session. It shows the app's page in a sandboxed frame of
// opaque origin, and is that page's only way out, by one message channel. The page is as untrusted as any stranger's.

import { Channel } from "./channel.js";

const SANDBOX = "allow-scripts allow-forms allow-downloads";
// A page that neither loads nor says hello within this time is called failed; it may still appear afterwards.
const LOAD_TIMEOUT_MS = 15_000;
// A new version waits this long at most for open calls, so that an answer under way still reaches the old page.
const SWAP_PATIENCE_MS = 3_000;
// While hosts of two versions stand behind one address, answers alternate: don't reload at each of them.
const SWAP_PAUSE_MS = 10_000;

const base = new URL("./", location.href);
const { app, name, live } = document.body.dataset;
const stage = document.getElementById("stage");
const reload = document.getElementById("reload");

// The frame being shown: { element, channel, digest, timer }, or null once the view has ended.
let view = null;
let lastSwap = -Infinity;
let swapTimer = null;

window.addEventListener("message", greet);
reload.addEventListener("click", () => location.reload());
show(document.body.dataset.digest);
if (live === "yes") watch();

// Puts the page of one version into a fresh frame. A fresh element has a fresh window, so the old page's hello, port
// and leftovers can't be taken for the new one's.
function show(digest) {
  close();
  const element = document.createElement("iframe");
  element.className = "frame";
  element.dataset.state = "loading";
  element.setAttribute("sandbox", SANDBOX);
  element.setAttribute("allow", "");
  element.referrerPolicy = "no-referrer";
  element.title = name;
  element.src = `/ui/${app}/${digest}/index.html`;
  const timer = setTimeout(() => say(`${name} does not load`, "Its page did not answer. Load it again, or launch the app again from your dashboard.", { again: true }), LOAD_TIMEOUT_MS);
  const shown = { element, channel: null, digest, timer };
  element.addEventListener("load", () => reveal(shown));
  view = shown;
  document.getElementById("frame-place").replaceChildren(element);
}

// A page without airlock.js is a legal page: having loaded is enough to be seen.
function reveal(shown) {
  if (shown !== view) return;
  clearTimeout(shown.timer);
  shown.element.dataset.state = "shown";
  stage.hidden = true;
  // Keyboard users start inside the app, unless they are already somewhere.
  if (document.activeElement === document.body) shown.element.focus({ preventScroll: true });
}

// The page's hello. Only the window in our frame may greet, and only once: a second hello means that the frame has
// gone to another document, and what was said to the first page is not for the second.
function greet(event) {
  if (view === null || event.source !== view.element.contentWindow || event.origin !== "null") return;
  if (event.data?.airlock !== "hello") return;
  if (view.channel !== null) {
    end(`${name} left its page`, "For your safety a view holds one page only. Load it again to go on.", { again: true });
    return;
  }
  const { port1, port2 } = new MessageChannel();
  view.channel = new Channel({ port: port1, base, onEnded: launchAgain, onDigest: noteDigest });
  // An opaque origin can't be named as a target. The frame can hold nothing but pages of this app (frame-src).
  event.source.postMessage({ airlock: "port" }, "*", [port2]);
}

// Another version has answered: show its page, once the calls under way are through.
function noteDigest(digest) {
  if (view === null || digest === view.digest || swapTimer !== null) return;
  if (performance.now() - lastSwap < SWAP_PAUSE_MS) return;
  swapWhenIdle(digest, performance.now() + SWAP_PATIENCE_MS);
}

function swapWhenIdle(digest, latest) {
  swapTimer = setTimeout(() => {
    swapTimer = null;
    if (view === null) return;
    if (view.channel !== null && !view.channel.isIdle && performance.now() < latest) {
      swapWhenIdle(digest, latest);
      return;
    }
    lastSwap = performance.now();
    show(digest);
  }, 50);
}

// In development the host tells of a new version at once.
function watch() {
  const events = new EventSource(new URL("events", base));
  events.addEventListener("digest", ({ data }) => {
    if (view === null || data === view.digest || !/^[0-9a-f]{64}$/.test(data)) return;
    clearTimeout(swapTimer);
    swapWhenIdle(data, performance.now() + SWAP_PATIENCE_MS);
  });
  events.addEventListener("end", () => {
    events.close();
    launchAgain();
  });
}

function launchAgain() {
  end("Launch the app again", "This session is over. Go back to your dashboard and launch the app again.");
}

// Takes the page away and leaves a message in its place.
function end(title, text, options) {
  close();
  document.getElementById("frame-place").replaceChildren();
  document.getElementById("frame-place").hidden = true;
  say(title, text, options);
}

function close() {
  clearTimeout(swapTimer);
  swapTimer = null;
  if (view === null) return;
  clearTimeout(view.timer);
  view.channel?.close();
  view = null;
}

function say(title, text, { again = false } = {}) {
  document.title = `${title} · ${name}`;
  document.getElementById("loading").hidden = true;
  document.getElementById("message-text").textContent = text;
  document.getElementById("message").hidden = false;
  reload.hidden = !again;
  reload.parentElement.hidden = !again;
  stage.hidden = false;
  const heading = document.getElementById("message-title");
  heading.textContent = title;
  heading.focus();
}
