//! The whole program from outside: over HTTP, from the command line, killed at bad moments.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by a panic, and its helpers are part of it"
)]

mod addresses;
mod canary;
mod cli;
mod cli_call;
mod cli_inspect;
mod cli_keys;
mod cli_reports;
mod cli_serve;
mod compile;
mod cross_site;
mod event_fields;
mod events;
mod exchange;
mod faults;
mod headers;
mod hooks;
mod hostile_guests;
mod hostile_http;
mod kill_keeps;
mod kill_rounds;
mod kills;
mod kyc;
mod launch;
mod lifecycle;
mod many_apps;
mod model;
mod outbound;
mod packages;
mod page_list;
mod proof;
mod quarantine;
mod read_only;
mod reload;
mod rotation;
mod session;
mod session_secrets;
mod start_refused;
mod storage_fails;
mod support;
mod sync_order;
mod takeover;
mod three_languages;
mod tidy;
mod tidy_secrets;
mod tidy_tokens;
mod toolchains;
mod two_hosts;
mod uninstall_race;
