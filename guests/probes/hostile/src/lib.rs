//! A probe: misdeeds that are calls of the host. The path under `api/` chooses one, each is a file of its own here.
//!
//! The answer lists what was tried, and in one word what came of it: `{"tried": [["GET ../x", "invalid-request"], …]}`.
//! Misdeeds that need no more than a few instructions lie beside this crate in `wat/`, each a guest of its own.

mod h16_panic;
mod h21_nesting;
mod h23_cloud_calls;
mod h33_paths;
mod h34_instance;
mod h35_writes;
mod h36_headers;
mod h38_surroundings;
mod h40_keys;
mod h41_headers;
mod h54_numbers;
mod tried;

use airlock_guest::{App, Host, Problem, Request, Response, Session};

/// The app.
#[derive(Debug)]
pub struct Hostile;

impl App for Hostile {
    fn handle(host: &impl Host, _session: &Session, request: &Request) -> Response {
        match request.path.first().map_or("", String::as_str) {
            "h16" => h16_panic::scream(),
            "h21" => h21_nesting::attempt(host).into(),
            "h23" => h23_cloud_calls::attempt(host).into(),
            "h33" => h33_paths::attempt(host).into(),
            "h34" => h34_instance::attempt(host).into(),
            "h35" => h35_writes::attempt(host).into(),
            "h36" => h36_headers::attempt(host).into(),
            "h38" => h38_surroundings::attempt().into(),
            "h40" => h40_keys::attempt(host).into(),
            "h41" => h41_headers::answer(),
            "h54" => h54_numbers::attempt(host).into(),
            _ => Problem::not_found("No such misdeed.").into(),
        }
    }
}

airlock_guest::export!(Hostile);
