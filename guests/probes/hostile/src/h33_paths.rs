//! H33: names paths that would lead elsewhere if anybody put them together carelessly.

use airlock_guest::Host;

use crate::tried::Tried;

const TRICKS: [&str; 18] = [
    "..",
    ".",
    "",
    "%2e%2e",
    "%252e%252e",
    "../../admin",
    "//evil.example",
    "https://evil.example/",
    "\\\\evil.example\\",
    "a\\..\\b",
    "a/b",
    "a%2fb",
    "user@evil.example",
    "a#b",
    "a?instance_id=other",
    "a\0b",
    "a\r\nHost: evil.example",
    "ａ",
];

pub(crate) fn attempt(host: &impl Host) -> Tried {
    let mut tried = Tried::default();
    let long = "a".repeat(1 << 20);
    for trick in TRICKS.into_iter().chain([long.as_str()]) {
        let path = |first: &str| [first.to_owned(), trick.to_owned()];
        tried.add(&format!("get {trick}"), &host.data_get("ledgers", trick));
        tried.add(&format!("list {trick}"), &host.data_list(trick, &[], None));
        tried.add(
            &format!("filter {trick}"),
            &host.data_filter(trick, "[]", None),
        );
        tried.add(
            &format!("get-core {trick}"),
            &host.data_get_core(&path("balances"), &[]),
        );
        tried.add(
            &format!("get-core alone {trick}"),
            &host.data_get_core(&[trick.to_owned()], &[]),
        );
        tried.add(
            &format!("post-core {trick}"),
            &host.post_core(&path("transactions"), "{}"),
        );
        tried.add(
            &format!("put-core {trick}"),
            &host.put_core(&path("identities"), "{}"),
        );
        tried.add(&format!("refund {trick}"), &host.refund(trick));
    }
    tried
}
