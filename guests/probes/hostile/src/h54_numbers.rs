//! H54: numbers that overflow whatever is careless with them: pages, limits, delays, versions, amounts.

use airlock_guest::{Condition, Host, Page};

use crate::tried::Tried;

pub(crate) fn attempt(host: &impl Host) -> Tried {
    let mut tried = Tried::default();
    for (number, size) in [(u32::MAX, u32::MAX), (0, 0)] {
        let page = Some(Page { number, size });
        let what = format!("page {number} of {size}");
        tried.add(
            &format!("list {what}"),
            &host.data_list("ledgers", &[], page),
        );
        tried.add(
            &format!("filter {what}"),
            &host.data_filter("ledgers", "[]", page),
        );
    }
    for limit in [0, u32::MAX] {
        tried.add(&format!("scan {limit}"), &host.store_scan("", None, limit));
    }
    for version in [0, u64::MAX, 1 << 63] {
        tried.add(
            &format!("set if version {version}"),
            &host.store_set("n", b"1", Condition::Version(version)),
        );
    }
    tried.add("schedule", &host.job_schedule("j", "k", b"", u32::MAX));
    for amount in [
        "1e999",
        "-1e999",
        "123456789012345678901234567890",
        "-0",
        "0.1e-400",
        "NaN",
    ] {
        let body = format!(
            "{{\"amount\":{amount},\"precision\":1e308,\"currency\":\"USD\",\
             \"source\":\"@a\",\"destination\":\"@b\",\"reference\":\"r-{amount}\"}}"
        );
        tried.add(&format!("amount {amount}"), &host.create_transaction(&body));
    }
    tried
}
