// Answers as JSON, and refusals as problem documents (RFC 9457).

import { write } from "blnk:app/log@0.1.0";

// Why a request was not served.
export class Problem extends Error {
  constructor(status, kind, detail, more = {}) {
    super(detail);
    Object.assign(this, { status, kind, more });
  }
}

// The host's refusals, each with its status. What needs a scope that is missing is 403 and names it.
const REFUSALS = {
  "not-granted": 403,
  "not-requested": 403,
  "not-found": 404,
  conflict: 409,
  "rate-limited": 429,
  unavailable: 503,
  "limit-exceeded": 503,
  revoked: 401,
  rejected: 502,
  "outcome-unknown": 502,
  "too-large": 507,
  "quota-exceeded": 507,
};

export function answered(status, type, value) {
  return { status, headers: [["content-type", type]], body: new TextEncoder().encode(JSON.stringify(value)) };
}

// The answer to whatever a handler threw. A refusal of the host's carries its variant as `payload`.
export function problemOf(error) {
  const refusal = error.payload;
  if (refusal?.tag) return document(refused(refusal));
  if (error instanceof Problem) return document(error);
  write("error", `A handler failed: ${error}`, []);
  return document(new Problem(500, "internal", "Something went wrong in the app."));
}

function refused({ tag, val }) {
  const detail = typeof val === "string" ? val : (val?.message ?? "");
  if (tag === "not-granted" || tag === "not-requested") {
    return new Problem(403, tag, `This needs the permission ${val}.`, { scope: val });
  }
  return new Problem(REFUSALS[tag] ?? 502, tag, detail);
}

function document({ status, kind, message, more }) {
  return answered(status, "application/problem+json", {
    type: `urn:airlock:problem:${kind}`,
    title: kind,
    status,
    detail: message,
    ...more,
  });
}
