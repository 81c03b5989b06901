//! H34: names an instance of its own choice, in the query and in bodies, in several spellings.

use airlock_guest::Host;

use crate::tried::Tried;

pub(crate) fn attempt(host: &impl Host) -> Tried {
    let mut tried = Tried::default();
    for name in [
        "instance_id",
        "INSTANCE_ID",
        "instance%5Fid",
        "instance_id[]",
        "org_id",
    ] {
        let pair = [(name.to_owned(), "instance_of_another".to_owned())];
        tried.add(
            &format!("list {name}"),
            &host.data_list("ledgers", &pair, None),
        );
        let path = ["balances", "bln_1", "at"].map(str::to_owned);
        tried.add(
            &format!("get-core {name}"),
            &host.data_get_core(&path, &pair),
        );
    }
    for name in ["instance_id", "Instance_Id", "org_id", "in\\u0073tance_id"] {
        let body = format!("{{\"{name}\":\"instance_of_another\",\"name\":\"x\"}}");
        tried.add(&format!("create-ledger {name}"), &host.create_ledger(&body));
        let path = ["reconciliation", "start"].map(str::to_owned);
        tried.add(&format!("post-core {name}"), &host.post_core(&path, &body));
    }
    tried
}
