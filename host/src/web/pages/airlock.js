// Airlock's channel script. An app's page includes it before its own scripts:
//
//   <script src="/airlock.js"></script>
//
// The page runs without cookies, storage or network. This script gives it one way out: `fetch("api/…")`, relative to the
// page, reaches the app's own component through the shell that frames it, and resolves to an ordinary Response.
// Every other address goes to the browser's own fetch, which the page's policy stops. The shell checks everything
// again; nothing here is a security boundary.

(() => {
  "use strict";
  if (window.airlock) return;
  Object.defineProperty(window, "airlock", { value: Object.freeze({ version: 1 }) });

  // WebRTC is the one network interface that not every browser lets a policy switch off. This only makes it harder.
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "RTCDataChannel", "RTCIceTransport", "RTCDtlsTransport", "WebTransport"]) {
    try {
      delete window[name];
    } catch {
      // A browser that keeps it keeps it.
    }
  }

  const HELLO_TIMEOUT_MS = 30_000;
  const NULL_BODY = new Set([204, 205, 304]);
  const browserFetch = window.fetch.bind(window);
  const host = new URL(document.currentScript.src).origin;
  const api = new URL("api/", document.baseURI).href;
  const open = new Map();
  let lastId = 0;
  const port = connect();
  // Calls report the failure; without any call it is nobody's business.
  port.catch(() => {});

  window.fetch = async function fetch(input, init) {
    const address = addressOf(input);
    if (!address.startsWith(api)) return browserFetch(input, init);
    // The browser's own Request knows what every kind of body, method and header means.
    const request = new Request(input, init);
    const { signal } = request;
    signal.throwIfAborted();
    const bytes = request.method === "GET" || request.method === "HEAD" ? null : await request.arrayBuffer();
    const channel = await port;
    signal.throwIfAborted();
    return call(channel, request, address, bytes?.byteLength ? bytes : null, signal);
  };

  function addressOf(input) {
    try {
      const url = new URL(input instanceof Request ? input.url : String(input), document.baseURI);
      url.hash = "";
      return url.href;
    } catch {
      return "";
    }
  }

  function call(channel, request, address, body, signal) {
    return new Promise((resolve, reject) => {
      const id = ++lastId;
      const giveUp = () => {
        open.delete(id);
        channel.postMessage({ abort: id });
        reject(signal.reason);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      open.set(id, (answer) => {
        open.delete(id);
        signal.removeEventListener("abort", giveUp);
        if (answer.error) reject(new TypeError(answer.message));
        else resolve(responseOf(answer, address));
      });
      const message = { id, path: `api/${address.slice(api.length)}`, method: request.method, headers: [...request.headers], body };
      channel.postMessage(message, body ? [body] : []);
    });
  }

  function responseOf({ status, statusText, headers, body }, address) {
    const response = new Response(NULL_BODY.has(status) ? null : body, { status, statusText, headers });
    Object.defineProperty(response, "url", { value: address });
    return response;
  }

  // Says hello to the shell and waits for the port.
  function connect() {
    return new Promise((resolve, reject) => {
      if (window.parent === window) {
        reject(new TypeError("This page was opened outside of Airlock."));
        return;
      }
      const timer = setTimeout(() => reject(new TypeError("The host did not answer.")), HELLO_TIMEOUT_MS);
      window.addEventListener("message", function receive(event) {
        if (event.source !== window.parent || event.origin !== host || event.data?.airlock !== "port") return;
        window.removeEventListener("message", receive);
        clearTimeout(timer);
        const [channel] = event.ports;
        channel.onmessage = ({ data }) => open.get(data.id)?.(data);
        resolve(channel);
      });
      window.parent.postMessage({ airlock: "hello" }, host);
    });
  }
})();
