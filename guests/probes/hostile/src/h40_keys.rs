//! H40: stores under keys that would lead to the records of others if they were paths or prefixes, and values too large.

use airlock_guest::{Condition, Host};

use crate::tried::Tried;

/// Keys that are odd and nobody's harm: each is only a name within this install.
const ODD: [&str; 5] = [
    "../instapp_other/secret",
    "/etc/passwd",
    "%",
    "_",
    "instapp_other",
];

pub(crate) fn attempt(host: &impl Host) -> Tried {
    let mut tried = Tried::default();
    for key in ODD {
        tried.add(
            &format!("set {key}"),
            &host.store_set(key, b"mine", Condition::Always),
        );
        let read = host.store_get(key);
        let mine = matches!(&read, Ok(Some(entry)) if entry.value == b"mine");
        tried.note(
            &format!("get {key}"),
            if mine { "mine" } else { "not mine" },
        );
    }
    let long = "k".repeat(257);
    for (shown, key) in [("empty", ""), ("nul", "a\0b"), ("257 bytes", long.as_str())] {
        tried.add(
            &format!("set {shown}"),
            &host.store_set(key, b"", Condition::Always),
        );
        tried.add(&format!("get {shown}"), &host.store_get(key));
    }
    let value = vec![0; 64 * 1024 + 1];
    tried.add(
        "set 64 KiB and one",
        &host.store_set("large", &value, Condition::Always),
    );
    tried.add(
        "set 3 MiB",
        &host.store_set("large", &vec![0; 3 << 20], Condition::Always),
    );
    let keys = host.store_keys("", None, u32::MAX).unwrap_or_default();
    let strangers = keys
        .iter()
        .filter(|key| !ODD.contains(&key.as_str()))
        .count();
    tried.note("keys of others", &strangers.to_string());
    tried
}
