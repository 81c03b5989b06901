// The four collections of a ledger: their ids, and which fields make a row.

import { ago, badge, h } from "./dom.js";

export const ID_KEYS = {
  identities: "identity_id",
  ledgers: "ledger_id",
  balances: "balance_id",
  transactions: "transaction_id",
};

const PREFIXES = { idt_: "identities", ldg_: "ledgers", bln_: "balances", txn_: "transactions" };

const TRANSACTION_TONES = {
  APPLIED: "success",
  QUEUED: "info",
  SCHEDULED: "info",
  INFLIGHT: "warning",
  REJECTED: "danger",
  VOID: "neutral",
};

/** The address of an entry's details by the prefix of its id, or null when the id is of no known kind. */
export function entryAddress(id) {
  const collection = typeof id === "string" ? PREFIXES[id.slice(0, 4)] : undefined;
  return collection ? `#ledger/${collection}/${encodeURIComponent(id)}` : null;
}

/** "idt_3b63c8da…", for where the whole id has no room. */
export const shortId = (id) => (typeof id === "string" && id.length > 14 ? `${id.slice(0, 12)}…` : (id ?? ""));

/** Shortens every id of a known kind inside a path or query, so that what follows stays in sight. */
export const shortenIds = (path) => path.replace(/\b((?:idt|ldg|bln|txn|ano|instance)_[0-9a-f]{8})-[0-9a-f-]{27}/g, "$1…");

/** A number as text with its thousands apart; one too large for a number is grouped digit by digit. */
export function formatNumber(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number" && !Number.isInteger(value)) return value.toLocaleString("en-US", { maximumFractionDigits: 8 });
  const digits = typeof value === "object" ? String(value.rawJSON) : String(value);
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A transaction's amount: at least two decimals, since amounts are in major units. */
function formatAmount(value) {
  if (typeof value !== "number") return formatNumber(value);
  return value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 8 });
}

/** What a person would call the entry. */
export function entryName(collection, entry) {
  const person = [entry.first_name, entry.last_name].filter(Boolean).join(" ");
  const names = {
    identities: entry.organization_name || person || entry.email_address,
    ledgers: entry.name,
    balances: entry.indicator,
    transactions: entry.reference,
  };
  return names[collection] || shortId(entry[ID_KEYS[collection]]);
}

const code = (text) => h("code", { text });
const end = (id) => code(typeof id === "string" && id.startsWith("@") ? id : shortId(id) || "–");

/** Columns after the name: title, what to show, and whether it is a number or may go on narrow pages. */
export const COLUMNS = {
  identities: [
    { title: "Type", show: (entry) => entry.identity_type || "–", optional: true },
    { title: "Email", show: (entry) => entry.email_address || "–" },
    { title: "Country", show: (entry) => entry.country || entry.nationality || "–", optional: true },
    { title: "Created", show: (entry) => ago(entry.created_at) },
  ],
  ledgers: [
    { title: "Ledger id", show: (entry) => code(shortId(entry.ledger_id)) },
    { title: "Created", show: (entry) => ago(entry.created_at) },
  ],
  balances: [
    { title: "Currency", show: (entry) => entry.currency || "–" },
    { title: "Balance, minor units", show: (entry) => formatNumber(entry.balance ?? 0), number: true },
    { title: "Credit", show: (entry) => formatNumber(entry.credit_balance ?? 0), number: true, optional: true },
    { title: "Debit", show: (entry) => formatNumber(entry.debit_balance ?? 0), number: true, optional: true },
    { title: "Created", show: (entry) => ago(entry.created_at), optional: true },
  ],
  transactions: [
    { title: "Amount", show: (entry) => `${formatAmount(entry.amount)} ${entry.currency ?? ""}`, number: true },
    { title: "From", show: (entry) => end(entry.source), optional: true },
    { title: "To", show: (entry) => end(entry.destination), optional: true },
    { title: "Status", show: (entry) => badge(entry.status ?? "–", TRANSACTION_TONES[entry.status] ?? "neutral") },
    { title: "Created", show: (entry) => ago(entry.created_at), optional: true },
  ],
};

/** The title of the first column, the one that holds the link. */
export const NAME_TITLES = { identities: "Name", ledgers: "Name", balances: "Balance", transactions: "Reference" };
