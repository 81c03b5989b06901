// The app's own API. Every call goes through `fetch`, which the host's channel script answers for addresses under api/.

// Why a call gave no result. `status` is the HTTP status, or 0 where no answer came at all; `message` is fit to be shown.
export class ApiProblem extends Error {
  constructor({ status, message, scope = null, field = null, retryAfterSeconds = null }) {
    super(message);
    this.name = "ApiProblem";
    this.status = status;
    this.scope = scope;
    this.field = field;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  // Whether the host or Cloud asked to wait: nothing is wrong with the request itself.
  get isBusy() {
    return this.status === 429 || this.status === 503;
  }

  // Whether a write may have happened although no success was reported.
  get leavesOutcomeOpen() {
    return this.status === 0 || this.status >= 500;
  }
}

export function isAbort(error) {
  return error?.name === "AbortError";
}

export function loadMe(signal) {
  return call("api/me", { signal });
}

export function listIdentities({ status, query, page }, signal) {
  const parameters = new URLSearchParams({ status, q: query, page: String(page) });
  return call(`api/identities?${parameters}`, { signal });
}

export function loadIdentity(id, signal) {
  return call(`api/identities/${encodeURIComponent(id)}`, { signal });
}

// `version` is the case's version that the reviewer saw, null for "nothing recorded yet"; the app refuses with 409 where the case has moved on.
export function decide(id, { decision, reason, version }) {
  return call(`api/identities/${encodeURIComponent(id)}/decision`, { method: "POST", body: { decision, reason, version } });
}

export function resume(id) {
  return call(`api/identities/${encodeURIComponent(id)}/resume`, { method: "POST", body: {} });
}

async function call(address, { method = "GET", body, signal } = {}) {
  const options = { method, headers: { accept: "application/json" }, signal };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (isAbort(error) || signal?.aborted) throw new DOMException("The request was replaced.", "AbortError");
    throw new ApiProblem({ status: 0, message: "No answer came. Check the connection and try again." });
  }
  const answer = await readJson(response);
  if (signal?.aborted) throw new DOMException("The request was replaced.", "AbortError");
  if (!response.ok) throw problemOf(response, answer);
  if (answer === null) throw new ApiProblem({ status: 0, message: "The answer could not be read. Try again." });
  return answer;
}

// The body as an object, or null where it is none.
async function readJson(response) {
  try {
    const value = JSON.parse(await response.text());
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function problemOf(response, answer) {
  const status = response.status;
  const scope = status === 403 ? textOrNull(answer?.scope) : null;
  const told = scope ? null : textOrNull(answer?.detail); // a bare title says less than the sentences below
  return new ApiProblem({
    status,
    message: told ?? sentenceFor(status, scope),
    scope,
    field: textOrNull(answer?.field),
    retryAfterSeconds: retryAfter(response.headers.get("retry-after")),
  });
}

function textOrNull(value) {
  return typeof value === "string" && value.trim() !== "" ? value.trim() : null;
}

function sentenceFor(status, scope) {
  if (scope) return `Needs the ${scope} permission, which was not granted at install.`;
  switch (status) {
    case 401:
    case 410:
      return "This session has ended. Launch the app again from Cloud.";
    case 403:
      return "This is not allowed for this install.";
    case 404:
      return "This is not there any more.";
    case 409:
      return "Someone else has changed this in the meantime.";
    case 429:
      return "Too many requests at once.";
    case 503:
      return "The service is busy or Cloud can't be reached.";
    default:
      return status >= 500 ? "Something went wrong on the server." : `The request was refused (${status}).`;
  }
}

// Retry-After comes as seconds or as a date. At most an hour is believed.
function retryAfter(header) {
  if (!header) return null;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  if (!Number.isFinite(seconds)) return null;
  return Math.min(3600, Math.max(1, Math.ceil(seconds)));
}
