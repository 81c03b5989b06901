//! The simulated Cloud, tested from outside: over HTTP, and through its library.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests may fail the test")]

mod access;
mod alerts;
mod dashboard;
mod data;
mod events;
mod fake_app;
mod faults;
mod filters;
mod identities;
mod launch;
mod ledger;
mod persistence;
mod support;
mod transactions;
