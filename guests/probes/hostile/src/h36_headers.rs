//! H36: sets headers that are the host's own. Only requests to connected services have headers at all.

use airlock_guest::{Host, Request};

use crate::tried::Tried;

const HEADERS: [&str; 7] = [
    "authorization",
    "host",
    "cookie",
    "content-length",
    "transfer-encoding",
    "x-forwarded-for",
    "x-forwarded-host",
];

pub(crate) fn attempt(host: &impl Host) -> Tried {
    let mut tried = Tried::default();
    for name in HEADERS {
        let mut request = Request::new("GET", "data/ledgers");
        request.headers.push((name.to_owned(), "evil".to_owned()));
        tried.add(name, &host.connection_send("blnk", request));
    }
    tried
}
