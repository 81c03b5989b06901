//! Storage: one file per table, one query per function, concrete functions over a connection.
//!
//! Nothing here decides; the rules live in `install`. The SQL is written so that `SQLite` and `PostgreSQL` read the same
//! text: numbered arguments, `on conflict`, `returning`, and times as milliseconds.
//!
//! To add a table: a migration in `migrations/`, a file here, its rows as a struct with a `TryFrom` that names table,
//! column and row when the database holds what it must not.

pub mod audit;
pub mod changes;
pub mod database;
pub mod endpoints;
pub mod error;
pub mod events;
pub mod fingerprint_keys;
pub mod guest_store;
pub mod installs;
pub mod key_check;
pub mod key_numbers;
pub mod key_usage;
pub mod launches;
pub mod outbox;
pub mod pins;
pub mod reseal;
pub mod switches;

pub use database::{Connection, Database, Row};
pub use error::{Inconsistent, OpenError, StoreError};

#[cfg(test)]
mod tests;
