// Lookout: which balances are below the threshold, and an alert on each that a person asks for.

import { current, granted, now, setting } from "blnk:app/context@0.1.0";
import { list as listRecords } from "blnk:app/data@0.1.0";
import { list as listAlerts } from "blnk:app/alerts@0.1.0";
import { flag } from "blnk:app/alert-actions@0.1.0";
import { write } from "blnk:app/log@0.1.0";

import { Problem, answered, problemOf } from "./answer.js";
import * as records from "./records.js";

const SCOPES = ["data:read", "alerts:read", "alerts:write"];

// By method and path; `*` stands for one segment, which is handed to the handler.
const ROUTES = [
  ["GET", ["me"], me],
  ["GET", ["balances"], balances],
  ["GET", ["threshold"], () => ({ value: threshold() })],
  ["PUT", ["threshold"], changeThreshold],
  ["GET", ["alerts"], alerts],
  ["GET", ["raised"], () => ({ items: records.all("raised/") })],
  ["POST", ["balances", "*", "alert"], raise],
];

export const portal = {
  handle(_session, request) {
    try {
      return answered(200, "application/json", route(request));
    } catch (error) {
      return problemOf(error);
    }
  },
};

function route(request) {
  const here = ROUTES.filter(([, path]) => matches(path, request.path));
  if (here.length === 0) throw new Problem(404, "not-found", "There is nothing at this address.");
  const found = here.find(([method]) => method === request.method);
  if (!found) {
    const allowed = here.map(([method]) => method).join(", ");
    throw new Problem(405, "method-not-allowed", `This address takes ${allowed}.`);
  }
  const [, path, handler] = found;
  return handler(request, ...request.path.filter((_, index) => path[index] === "*"));
}

function matches(path, asked) {
  return path.length === asked.length && path.every((part, index) => part === "*" || part === asked[index]);
}

// Whom this call serves, for the page and for tests.
function me() {
  const install = current();
  return {
    install: install.installedAppId,
    instance: install.instanceId,
    scopes: Object.fromEntries(SCOPES.map((scope) => [scope, granted(scope)])),
    threshold: threshold(),
  };
}

function threshold() {
  return records.find("threshold") ?? Number(setting("threshold"));
}

function changeThreshold(request) {
  const { value } = body(request);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new Problem(422, "invalid", "The threshold is a whole number from 0.", { field: "value" });
  }
  records.put("threshold", value);
  return { value };
}

// Amounts beyond 2^53 come rounded here: good enough to compare and to show, and none is ever sent back.
function balances(request) {
  const number = Number(new Map(request.query).get("page") ?? "1");
  if (!Number.isInteger(number) || number < 1) {
    throw new Problem(422, "invalid", "The page is a number from 1.", { field: "page" });
  }
  const limit = threshold();
  const { data, total } = JSON.parse(listRecords("balances", [], { number, size: 20 }));
  const items = data.map((one) => ({
    id: one.balance_id,
    currency: one.currency,
    balance: one.balance ?? 0,
    is_below: (one.balance ?? 0) < limit,
  }));
  return { threshold: limit, total, items };
}

// Cloud answers a list in one of two shapes.
function alerts() {
  const found = JSON.parse(listAlerts());
  const items = Array.isArray(found) ? found : found.data;
  return { items: items.map(({ anomaly_id, title, status }) => ({ id: anomaly_id, title, status })) };
}

// One alert for each balance: the record is made first, so that the same request twice can't raise two.
function raise(request, balance) {
  const { reason } = body(request);
  if (typeof reason !== "string" || reason.trim() === "") {
    throw new Problem(422, "invalid", "Say why a person should look.", { field: "reason" });
  }
  const key = `raised/${balance}`;
  const version = records.create(key, { balance, alert: null, at: Number(now()) });
  if (version === null) throw new Problem(409, "conflict", "An alert was raised on this balance before.");
  let alert;
  try {
    alert = JSON.parse(flag(balance, "Balance below the threshold", reason.trim())).anomaly_id;
  } catch (error) {
    // Unless the alert may have been raised nevertheless, there is none and another try is welcome.
    if (!["outcome-unknown", "other"].includes(error.payload?.tag)) records.remove(key, version);
    throw error;
  }
  records.replace(key, { balance, alert, at: Number(now()) }, version);
  write("info", "Raised an alert", [["balance", balance], ["alert", alert]]);
  return { balance, alert };
}

function body(request) {
  try {
    const value = JSON.parse(new TextDecoder().decode(request.body));
    if (value !== null && typeof value === "object") return value;
  } catch {
    // Told below.
  }
  throw new Problem(400, "bad-request", "The body must be a JSON object.");
}
