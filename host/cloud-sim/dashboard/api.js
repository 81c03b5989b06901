// The dashboard's own API: JSON over same-origin requests, and one event stream.

const BASE = "/dashboard/api/";

/** A failed call. The message is a sentence to show as it is; `status` is 0 when nothing answered. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * Amounts in a ledger may be larger than a JavaScript number can hold exactly. Where the browser
 * gives a number's source text, such a number is kept as raw JSON and printed digit for digit.
 */
function keepDigits(_key, value, context) {
  const exact = typeof value !== "number" || Number.isSafeInteger(value) || !/^-?\d+$/.test(context?.source ?? "");
  return exact || typeof JSON.rawJSON !== "function" ? value : JSON.rawJSON(context.source);
}

async function call(method, path, body) {
  let response;
  try {
    response = await fetch(BASE + path, {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
    });
  } catch {
    throw new ApiError("The simulated Cloud does not answer. Is it still running?", 0);
  }
  const text = await response.text();
  let value = null;
  try {
    value = text === "" ? null : JSON.parse(text, keepDigits);
  } catch {
    throw new ApiError(`The simulated Cloud answered ${response.status} with something that is not JSON.`, response.status);
  }
  if (!response.ok) {
    const sentence = typeof value?.error === "string" ? value.error : `The simulated Cloud answered ${response.status}.`;
    throw new ApiError(sentence, response.status);
  }
  return value;
}

const part = encodeURIComponent;

export const api = {
  state: () => call("GET", "state"),
  install: (appId, granted) => call("POST", `apps/${part(appId)}/install`, { granted }),
  launch: (installId) => call("POST", `installs/${part(installId)}/launch`, {}),
  uninstall: (installId) => call("POST", `installs/${part(installId)}/uninstall`, {}),
  ledger: (collection, { q = "", page = 1, pageSize = 20 } = {}) =>
    call("GET", `ledger/${part(collection)}?${new URLSearchParams({ q, page, page_size: pageSize })}`),
  ledgerEntry: (collection, id) => call("GET", `ledger/${part(collection)}/${part(id)}`),
  alerts: () => call("GET", "alerts"),
  requests: (after) => call("GET", `requests?after=${part(after)}`),
  setSwitches: (some) => call("PUT", "switches", some),
  reset: () => call("POST", "reset", {}),
};

/**
 * Launches an install and returns the address of the app's page. Only http and https pass: the
 * address comes from the app, and a `javascript:` one would run as this page.
 */
export async function launchAddress(installId) {
  const { portal_url: address } = await api.launch(installId);
  let parsed = null;
  try {
    parsed = new URL(address);
  } catch {
    // Falls through to the refusal below: a relative or missing address is as wrong as a bad scheme.
  }
  if (!parsed || !["http:", "https:"].includes(parsed.protocol)) {
    throw new ApiError("The app answered with a portal_url that is not an http address, so it was not opened.", 502);
  }
  return parsed.href;
}

/**
 * Follows the event stream for as long as the page lives. `open` runs at each connection, also
 * after a break, so that the caller can catch up on what it missed; `lost` when one ends. The
 * stream is read here and not by an EventSource: that one swallows events without data, which
 * `state` and `ledger` are, and gives up for good on some answers.
 */
export async function follow({ open, lost, ...handlers }) {
  let wait = 500;
  for (;;) {
    try {
      const response = await fetch(`${BASE}events`, { headers: { accept: "text/event-stream" }, cache: "no-store" });
      if (!response.ok) throw new ApiError(`The event stream answered ${response.status}.`, response.status);
      wait = 500;
      open();
      await readEvents(response.body, handlers);
    } catch {
      // Whatever broke it, the remedy is the same: wait a little and connect again.
    }
    lost();
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 8000);
  }
}

/** Runs the handler named by each event's name with its data: parsed JSON, or null where it has none. */
async function readEvents(body, handlers) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let unread = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (unread + value).split(/\r?\n\r?\n/);
    unread = blocks.pop();
    for (const block of blocks) {
      const lines = block.split(/\r?\n/);
      const field = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart()).join("\n");
      const data = field("data");
      handlers[field("event")]?.(data === "" ? null : JSON.parse(data, keepDigits));
    }
  }
}
