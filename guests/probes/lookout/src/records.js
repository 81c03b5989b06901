// The app's own records as JSON, in the store of the install that the call serves.

import * as store from "blnk:app/store@0.1.0";

const ALWAYS = { tag: "always" };
const ABSENT = { tag: "absent" };

// The value of a key, undefined where there is none.
export function find(key) {
  const entry = store.get(key);
  return entry && decoded(entry);
}

export function put(key, value) {
  store.set(key, encoded(value), ALWAYS);
}

// The version of a new record, null where the key is taken.
export function create(key, value) {
  try {
    return store.set(key, encoded(value), ABSENT);
  } catch (error) {
    if (error.payload?.tag === "conflict") return null;
    throw error;
  }
}

export function replace(key, value, version) {
  store.set(key, encoded(value), { tag: "version", val: version });
}

export function remove(key, version) {
  store.delete(key, { tag: "version", val: version });
}

// Every value whose key begins so, in the order of the keys. The host may answer a part: on after the last until none.
export function all(prefix) {
  const values = [];
  let after;
  for (;;) {
    const entries = store.scan(prefix, after, 100);
    if (entries.length === 0) return values;
    for (const [key, entry] of entries) {
      values.push(decoded(entry));
      after = key;
    }
  }
}

function encoded(value) {
  return new TextEncoder().encode(JSON.stringify(value));
}

function decoded(entry) {
  return JSON.parse(new TextDecoder().decode(entry.value));
}
