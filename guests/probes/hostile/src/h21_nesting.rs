//! H21: hands over JSON that is nested 10,000 deep, where the host reads it and where it only passes it on.

use airlock_guest::Host;

use crate::tried::Tried;

const DEPTH: usize = 10_000;

pub(crate) fn attempt(host: &impl Host) -> Tried {
    let mut tried = Tried::default();
    let lists = format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
    let objects = format!("{}1{}", "{\"a\":".repeat(DEPTH), "}".repeat(DEPTH));
    for (shape, json) in [("lists", &lists), ("objects", &objects)] {
        let field = format!("{{\"name\":{json}}}");
        tried.add(&format!("create-ledger {shape}"), &host.create_ledger(json));
        tried.add(
            &format!("create-ledger a field of {shape}"),
            &host.create_ledger(&field),
        );
        tried.add(
            &format!("filter {shape}"),
            &host.data_filter("ledgers", json, None),
        );
        tried.add(
            &format!("merge-metadata {shape}"),
            &host.merge_metadata("ldg_1", "hostile", json),
        );
    }
    tried
}
