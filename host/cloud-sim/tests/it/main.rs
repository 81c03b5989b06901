//! The simulated Cloud, tested from outside: over HTTP, and through its library.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail the test"
)]

mod access;
mod alerts;
mod dashboard;
mod dashboard_api;
mod data;
mod delivery;
mod events;
mod fake_app;
mod faults;
mod filter_bodies;
mod filters;
mod identities;
mod launch;
mod ledger;
mod metadata;
mod persistence;
mod settlement;
mod support;
mod transactions;
