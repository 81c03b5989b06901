//! H23: makes 1,000 Cloud calls and does not mind being refused. Two of them at once are beyond a guest.

use airlock_guest::Host;

use crate::tried::Tried;

pub(crate) fn attempt(host: &impl Host) -> Tried {
    let mut tried = Tried::default();
    for number in 0..1_000 {
        tried.add(&number.to_string(), &host.data_list("ledgers", &[], None));
    }
    tried
}
