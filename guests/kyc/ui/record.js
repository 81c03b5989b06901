// One identity as it stands on the ledger: its heading, the outcome of the automatic check, and its fields in groups.

import { h, icon } from "./dom.js";
import {
  endSentence, FIELD_LABELS, fieldLabel, formatBirthday, formatCountry, formatMoment, tokenizedFields, typeOf,
} from "./format.js";
import { statusBadge } from "./rows.js";

const NAME_FIELDS = ["first_name", "last_name", "other_names"];
const PROTECTED_HINT = "The ledger holds a token in place of the real value.";

export function detailHeading(data) {
  const { identity, status } = data;
  const kind = typeOf(identity.type);
  const tokenized = tokenizedFields(data.tokenized);
  const nameIsProtected = NAME_FIELDS.some((field) => tokenized.has(field));
  return h(
    "div",
    { class: "detail-heading" },
    h("span", { class: "detail-mark", title: kind.label }, icon(kind.icon)),
    h(
      "div",
      { class: "detail-titles" },
      h("h2", { class: "detail-name", "data-testid": "detail-name", tabindex: "-1", dir: "auto" }, identity.name || "No name"),
      h("p", { class: "detail-id" }, identity.id),
      h(
        "p",
        { class: "detail-badges" },
        statusBadge(status),
        h("span", { class: "badge badge-pending" }, kind.label),
        nameIsProtected && protectedMark("Name is protected"),
      ),
    ),
  );
}

export function checkSection(check, settings) {
  const findings = check?.findings ?? [];
  const clear = check?.outcome === "clear";
  return h(
    "section",
    { class: "card", "aria-labelledby": "check-title", "data-testid": "check" },
    h("h3", { class: "card-title", id: "check-title" }, "Automatic check"),
    h(
      "p",
      { class: clear ? "check-outcome check-clear" : "check-outcome check-attention" },
      icon(clear ? "check" : "warning"),
      clear ? "Nothing stands out." : "A person should look at this.",
    ),
    findings.length > 0 &&
      h("ul", { class: "findings" }, findings.map((finding) =>
        h("li", { class: "finding", "data-testid": "finding" },
          endSentence(finding.message),
          finding.field && h("span", { class: "finding-field" }, fieldLabel(finding.field)),
        ),
      )),
    rulesLine(settings),
  );
}

function rulesLine(settings) {
  const rules = [];
  if (Number.isFinite(settings?.minimum_age)) rules.push(`at least ${settings.minimum_age} years old`);
  const countries = settings?.review_countries ?? [];
  if (countries.length > 0) rules.push(`a closer look at ${countries.map(formatCountry).join(", ")}`);
  if (rules.length === 0) return null;
  return h("p", { class: "card-note" }, `Rules of this install: ${rules.join("; ")}.`);
}

// Which fields stand together. A group with `of` is left out for the other types when all its fields are empty.
const GROUPS = [
  { title: "Person", of: "individual", fields: ["first_name", "last_name", "other_names", "dob", "gender", "nationality"] },
  { title: "Organization", of: "organization", fields: ["organization_name"] },
  { title: "Contact", wide: true, fields: ["email", "phone"] },
  { title: "Address", fields: ["street", "city", "state", "post_code", "country"] },
  { title: "Record", fields: ["category", "created_at"] },
];

export function identitySection(data) {
  const { identity } = data;
  const tokenized = tokenizedFields(data.tokenized);
  const groups = GROUPS.filter((group) => !group.of || group.of === identity.type || group.fields.some((field) => valueOf(identity, field)));
  return h(
    "section",
    { class: "card", "aria-labelledby": "identity-title" },
    h("h3", { class: "card-title", id: "identity-title" }, "Identity"),
    groups.map((group) =>
      h(
        "div",
        { class: "group" },
        h("h4", { class: "group-title" }, group.title),
        h("dl", { class: group.wide ? "fields fields-wide" : "fields" }, group.fields.map((field) => fieldLine(identity, field, tokenized.has(field)))),
      ),
    ),
    tokenized.size > 0 && h("p", { class: "card-note" }, `Protected fields: ${lowerFirst(PROTECTED_HINT)}`),
  );
}

function fieldLine(identity, field, isProtected) {
  const value = valueOf(identity, field);
  return h(
    "div",
    { class: "field" },
    h("dt", {}, FIELD_LABELS[field]),
    h("dd", { "data-field": field }, isProtected ? protectedValue(value) : value ? h("span", { dir: "auto" }, value) : h("span", { class: "field-empty" }, "Not given")),
  );
}

function protectedValue(token) {
  return h("span", { class: "protected" }, protectedMark("Protected"), token && h("span", { class: "protected-token", title: token }, token));
}

function protectedMark(words) {
  return h("span", { class: "badge badge-accent", title: PROTECTED_HINT, "data-testid": "protected" }, icon("lock"), words);
}

function valueOf(identity, field) {
  const value = identity[field];
  switch (field) {
    case "dob":
      return formatBirthday(value);
    case "created_at":
      return formatMoment(value);
    case "country":
    case "nationality":
      return formatCountry(value);
    default:
      return value === null || value === undefined || value === "" ? null : String(value);
  }
}

function lowerFirst(text) {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
