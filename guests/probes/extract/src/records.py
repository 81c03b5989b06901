"""The app's own records as JSON, in the store of the install that the call serves."""

import json

from wit_world.imports import store


def find(key):
    """The value of a key, None where there is none."""
    entry = store.get(key)
    return None if entry is None else json.loads(entry.value)


def put(key, value):
    store.set(key, json.dumps(value).encode(), store.Condition_Always())


def all_of(prefix):
    """Every value whose key begins so, in the order of the keys. The host may answer a part: on after the last until none."""
    values, after = [], None
    while entries := store.scan(prefix, after, 100):
        values.extend(json.loads(entry.value) for _, entry in entries)
        after = entries[-1][0]
    return values
