// Words and numbers for people: statuses, fields, dates, countries, waiting times.

const LOCALE = "en-GB"; // the page's words are English; this order of day and month can't be misread

export const STATUSES = {
  pending: { label: "Pending", icon: "clock" },
  review: { label: "In review", icon: "eye" },
  approved: { label: "Approved", icon: "check" },
  rejected: { label: "Rejected", icon: "cross" },
};

export function statusLabel(status) {
  return STATUSES[status]?.label ?? "Unknown";
}

export const TYPES = {
  individual: { label: "Individual", icon: "person" },
  organization: { label: "Organization", icon: "building" },
  other: { label: "Other", icon: "other" },
};

export function typeOf(type) {
  return TYPES[type] ?? TYPES.other;
}

export const FIELD_LABELS = {
  id: "Id",
  type: "Type",
  first_name: "First name",
  last_name: "Last name",
  other_names: "Other names",
  organization_name: "Organization",
  email: "E-mail",
  phone: "Phone",
  dob: "Date of birth",
  gender: "Gender",
  nationality: "Nationality",
  category: "Category",
  street: "Street",
  city: "City",
  state: "State",
  post_code: "Post code",
  country: "Country",
  created_at: "Created",
};

// Tokenized fields are named as the ledger names them; this gives the names used in the identity object.
const TOKENIZED_NAMES = {
  FirstName: "first_name",
  LastName: "last_name",
  OtherNames: "other_names",
  EmailAddress: "email",
  PhoneNumber: "phone",
  Street: "street",
  PostCode: "post_code",
};

export function tokenizedFields(names) {
  return new Set((names ?? []).map((name) => TOKENIZED_NAMES[name] ?? name));
}

export function fieldLabel(field) {
  if (!field) return null;
  return FIELD_LABELS[TOKENIZED_NAMES[field] ?? field] ?? field.replaceAll("_", " ");
}

const dayFormat = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric" });
const dayThisYearFormat = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short" });
const plainDayFormat = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const momentFormat = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
const clockFormat = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit" });

// A date from a timestamp or milliseconds; null for nothing, nonsense, and the ledger's zero date (year 1).
function dateOf(value) {
  if (value === null || value === undefined || value === "") return null;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() < 1800 ? null : date;
}

// A day, without its year while that is the present one.
export function formatDay(value, now = new Date()) {
  const date = dateOf(value);
  if (!date) return null;
  return (date.getFullYear() === now.getFullYear() ? dayThisYearFormat : dayFormat).format(date);
}

export function formatMoment(value) {
  const date = dateOf(value);
  return date ? momentFormat.format(date) : null;
}

export function formatClock(milliseconds) {
  return clockFormat.format(new Date(milliseconds));
}

// A birthday has no time zone: read it as it is written. The age is in whole years.
export function formatBirthday(value, now = new Date()) {
  const date = dateOf(value);
  if (!date) return null;
  const hadBirthday =
    now.getUTCMonth() > date.getUTCMonth() || (now.getUTCMonth() === date.getUTCMonth() && now.getUTCDate() >= date.getUTCDate());
  const age = now.getUTCFullYear() - date.getUTCFullYear() - (hadBirthday ? 0 : 1);
  const day = plainDayFormat.format(date);
  return age < 0 ? day : `${day} (${age}\u00a0${age === 1 ? "year" : "years"}\u00a0old)`;
}

const regionNames = new Intl.DisplayNames([LOCALE], { type: "region", fallback: "none" });

// "Kenya (KE)" for a two-letter code, else the text as it stands.
export function formatCountry(value) {
  if (!/^[A-Za-z]{2}$/.test(value ?? "")) return value || null;
  const code = value.toUpperCase();
  const name = regionNames.of(code);
  return name ? `${name} (${code})` : code;
}

export function countOf(count, one, many) {
  return `${count.toLocaleString(LOCALE)} ${count === 1 ? one : many}`;
}

// "12 seconds", "3 minutes": for waiting, so rounded up.
export function formatWait(seconds) {
  return seconds < 90 ? countOf(seconds, "second", "seconds") : countOf(Math.ceil(seconds / 60), "minute", "minutes");
}

// What to tell about a refused call, with when to try again where that is known.
export function describeProblem(problem) {
  if (!problem.isBusy) return problem.message;
  const when = problem.retryAfterSeconds ? `in ${formatWait(problem.retryAfterSeconds)}` : "in a moment";
  return `${endSentence(problem.message)} Try again ${when}.`;
}

export function endSentence(text) {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
