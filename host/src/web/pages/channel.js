// One page's way out: takes its requests from a message port, makes the calls, and hands back the answers.
//
// From the page:  { id, path, method, headers, body }  and  { abort: id }
// To the page:    { id, status, statusText, headers, body }  or  { id, error, message }

import { buildRequest, MAX_REQUEST_BYTES } from "./request.js";

const MAX_ANSWER_BYTES = 2 * 1024 * 1024;
// The host runs eight calls of one install at a time; twice that keeps it busy, and the rest wait here.
const MAX_IN_FLIGHT = 16;
const MAX_WAITING = 256;
// The host answers or gives up within seconds; this is for a connection that died.
const CALL_TIMEOUT_MS = 30_000;
const ANSWER_HEADERS = ["content-type", "content-language", "etag", "last-modified", "content-disposition", "retry-after"];
const DIGEST_HEADER = "airlock-digest";

export class Channel {
  #port;
  #base;
  #onEnded;
  #onDigest;
  #waiting = [];
  #inFlight = new Map();
  #closed = false;

  // `base`: the session's address. `onEnded()`: the session is over. `onDigest(digest)`: the version that answered.
  constructor({ port, base, onEnded, onDigest }) {
    this.#port = port;
    this.#base = base;
    this.#onEnded = onEnded;
    this.#onDigest = onDigest;
    port.onmessage = ({ data }) => this.#take(data);
  }

  get isIdle() {
    return this.#inFlight.size === 0 && this.#waiting.length === 0;
  }

  // Answers whatever is still open, then takes no more.
  close() {
    if (this.#closed) return;
    this.#closed = true;
    const open = [...this.#inFlight.keys(), ...this.#waiting.map(({ id }) => id)];
    for (const { controller } of this.#inFlight.values()) controller.abort();
    for (const id of open) this.#fail(id, "ended", "This view has ended.");
    this.#waiting = [];
    this.#inFlight.clear();
    this.#port.onmessage = null;
  }

  #take(message) {
    if (this.#closed || typeof message !== "object" || message === null) return;
    if (Number.isSafeInteger(message.abort)) {
      this.#abort(message.abort);
      return;
    }
    const { id } = message;
    if (!Number.isSafeInteger(id) || this.#knows(id)) return;
    const request = buildRequest(message, this.#base);
    if (request.refusal === "too-large") {
      this.#answer(id, tooLarge());
    } else if (request.refusal) {
      this.#fail(id, "refused", "Only requests under api/ leave this page.");
    } else if (this.#waiting.length >= MAX_WAITING) {
      this.#fail(id, "refused", "Too many requests are waiting.");
    } else {
      this.#waiting.push({ id, request });
      this.#pump();
    }
  }

  #knows(id) {
    return this.#inFlight.has(id) || this.#waiting.some((waiting) => waiting.id === id);
  }

  #pump() {
    while (this.#inFlight.size < MAX_IN_FLIGHT && this.#waiting.length > 0) {
      const { id, request } = this.#waiting.shift();
      this.#call(id, request);
    }
  }

  async #call(id, request) {
    const call = { controller: new AbortController(), timedOut: false };
    this.#inFlight.set(id, call);
    const timer = setTimeout(() => {
      call.timedOut = true;
      call.controller.abort();
    }, CALL_TIMEOUT_MS);
    try {
      const response = await fetch(request.url, {
        method: request.method,
        headers: request.headers,
        body: request.body,
        mode: "same-origin",
        credentials: "same-origin",
        cache: "no-store",
        redirect: "error",
        signal: call.controller.signal,
      });
      await this.#handBack(id, response);
    } catch {
      this.#fail(id, call.timedOut ? "timeout" : "network", call.timedOut ? "No answer came in time." : "The request failed.");
    } finally {
      clearTimeout(timer);
      this.#inFlight.delete(id);
      this.#pump();
    }
  }

  async #handBack(id, response) {
    const digest = response.headers.get(DIGEST_HEADER);
    const body = await readCapped(response);
    if (this.#closed) return;
    const headers = ANSWER_HEADERS.flatMap((name) => {
      const value = response.headers.get(name);
      return value === null ? [] : [[name, value]];
    });
    this.#answer(id, { status: response.status, statusText: response.statusText, headers, body });
    // A live session's answers name the version that gave them, even where the app itself says 401 or 410.
    // Without that name it is the host speaking about the session.
    if (digest !== null) this.#onDigest(digest);
    else if (response.status === 401 || response.status === 410) this.#onEnded();
  }

  #abort(id) {
    this.#waiting = this.#waiting.filter((waiting) => waiting.id !== id);
    this.#inFlight.get(id)?.controller.abort();
  }

  #answer(id, answer) {
    this.#port.postMessage({ id, ...answer }, answer.body ? [answer.body] : []);
  }

  #fail(id, error, message) {
    this.#port.postMessage({ id, error, message });
  }
}

// The body as bytes, at most as many as an app may answer with.
async function readCapped(response) {
  if (response.body === null) return new ArrayBuffer(0);
  const parts = [];
  let total = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    total += value.byteLength;
    if (total > MAX_ANSWER_BYTES) {
      await reader.cancel();
      throw new RangeError("the answer is too large");
    }
    parts.push(value);
  }
  return new Blob(parts).arrayBuffer();
}

function tooLarge() {
  const problem = {
    type: "about:blank",
    title: "Content Too Large",
    status: 413,
    detail: `A request's body may have at most ${MAX_REQUEST_BYTES} bytes.`,
  };
  return {
    status: 413,
    statusText: "Content Too Large",
    headers: [["content-type", "application/problem+json"]],
    body: new TextEncoder().encode(JSON.stringify(problem)).buffer,
  };
}
