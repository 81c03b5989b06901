//! H35: writes with the right to read alone, and tries to pass a write off as a read.

use airlock_guest::Host;

use crate::tried::Tried;

pub(crate) fn attempt(host: &impl Host) -> Tried {
    let mut tried = Tried::default();
    let path = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
    tried.add("create-ledger", &host.create_ledger("{\"name\":\"x\"}"));
    tried.add("refund", &host.refund("txn_1"));
    tried.add(
        "merge-metadata",
        &host.merge_metadata("ldg_1", "hostile", "{}"),
    );
    tried.add(
        "post-core",
        &host.post_core(&path("transactions/bulk"), "{}"),
    );
    tried.add("put-core", &host.put_core(&path("identities/idt_1"), "{}"));
    let pair = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
    // Some servers would take these for the real method.
    for name in ["_method", "X-HTTP-Method-Override", "method"] {
        let query = pair(name, "POST");
        tried.add(
            &format!("get-core {name}"),
            &host.data_get_core(&path("transactions"), &query),
        );
    }
    tried.add("filter", &host.data_filter("ledgers", "[]", None));
    tried
}
