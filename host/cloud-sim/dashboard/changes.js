// What changed since the page was opened: a memory of every entry's metadata as it first was, and
// JSON printed line by line so that the changed lines can be marked.

import { api } from "./api.js";
import { ID_KEYS } from "./collections.js";

/** Entries remembered per collection; beyond that an entry counts as known from when it is first seen. */
const REMEMBERED = 1000;
const PAGE_SIZE = 100;

export function createMemory() {
  const metadata = new Map();
  const complete = new Set();

  function see(collection, entries) {
    for (const entry of entries) {
      const id = entry[ID_KEYS[collection]];
      if (id && !metadata.has(id)) metadata.set(id, JSON.stringify(entry.meta_data ?? null));
    }
  }

  return {
    see,
    /** Reads each collection once, so that also entries which nobody has looked at yet can be compared. */
    async fill() {
      for (const collection of Object.keys(ID_KEYS)) {
        for (let page = 1; page <= REMEMBERED / PAGE_SIZE; page += 1) {
          const answer = await api.ledger(collection, { page, pageSize: PAGE_SIZE });
          see(collection, answer.data);
          if (answer.data.length === 0 || page * (answer.page_size ?? PAGE_SIZE) >= answer.total) {
            complete.add(collection);
            break;
          }
        }
      }
    },
    forget() {
      metadata.clear();
      complete.clear();
    },
    /** "same", "changed" or "new" (it did not exist when the page was opened). */
    standing(collection, entry) {
      const before = metadata.get(entry[ID_KEYS[collection]]);
      if (before === undefined) return complete.has(collection) ? "new" : "same";
      return before === JSON.stringify(entry.meta_data ?? null) ? "same" : "changed";
    },
    /** The metadata as it first was; null where there was none. */
    before: (id) => JSON.parse(metadata.get(id) ?? "null"),
  };
}

const isContainer = (value) => value !== null && typeof value === "object" && !JSON.isRawJSON?.(value);
const sameJson = (left, right) => JSON.stringify(left) === JSON.stringify(right);

/**
 * Prints JSON as `JSON.stringify(value, null, 2)` does, one object per line: `indent`, `key` (with its
 * colon, or ""), `text`, `kind` (string, literal or bracket), `changed`. `before` is the older value.
 */
export function jsonLines(value, before) {
  const lines = [];
  function print(current, older, indent, key, comma, isRoot) {
    const pad = "  ".repeat(indent);
    const known = older !== undefined;
    if (isContainer(current) && Object.keys(current).length > 0) {
      const isArray = Array.isArray(current);
      const changed = !known && !isRoot;
      lines.push({ indent: pad, key, text: isArray ? "[" : "{", kind: "bracket", changed });
      const entries = Object.entries(current);
      entries.forEach(([name, child], index) => {
        const olderChild = isContainer(older) && Array.isArray(older) === isArray && Object.hasOwn(older, name) ? older[name] : undefined;
        print(child, olderChild, indent + 1, isArray ? "" : `${JSON.stringify(name)}: `, index < entries.length - 1 ? "," : "", false);
      });
      lines.push({ indent: pad, key: "", text: (isArray ? "]" : "}") + comma, kind: "bracket", changed });
    } else {
      const kind = typeof current === "string" ? "string" : isContainer(current) ? "bracket" : "literal";
      lines.push({ indent: pad, key, text: JSON.stringify(current) + comma, kind, changed: !known || !sameJson(current, older) });
    }
  }
  print(value, before === undefined ? value : before, 0, "", "", true);
  return lines;
}

/** The topmost paths that differ, as "kyc_app.status"; keys that are gone end in " (removed)". */
export function changedPaths(value, before) {
  const paths = [];
  function compare(current, older, path) {
    if (sameJson(current, older)) return;
    if (!isContainer(current) || !isContainer(older) || Array.isArray(current)) {
      paths.push(path.join(".") || "everything");
      return;
    }
    for (const name of Object.keys(current)) compare(current[name], Object.hasOwn(older, name) ? older[name] : undefined, [...path, name]);
    for (const name of Object.keys(older)) if (!Object.hasOwn(current, name)) paths.push(`${[...path, name].join(".")} (removed)`);
  }
  compare(value ?? {}, before ?? {}, []);
  return paths;
}
