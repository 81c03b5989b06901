//! Write a Blnk Custom App as a WebAssembly component.
//!
//! An app is a type that implements [`App`]; [`export!`] makes a component of it. The host gives each call a [`Host`], through
//! which alone the app reaches the ledger, its store and its settings:
//!
//! ```
//! use airlock_guest::{
//!     App, Collection, Host, Page, Problem, Request, Response, Router, Scope, Session,
//! };
//!
//! struct Counter;
//!
//! impl App for Counter {
//!     fn handle(host: &impl Host, _session: &Session, request: &Request) -> Response {
//!         Router::new(request)
//!             .get("count", |[]| count(host))
//!             .finish()
//!     }
//! }
//!
//! fn count(host: &impl Host) -> Result<Response, Problem> {
//!     if !host.granted(&Scope::DataRead) {
//!         return Err(Problem::not_granted(Scope::DataRead));
//!     }
//!     let identities = host.data().list::<serde_json::Value>(
//!         &Collection::Identities,
//!         &[("country_eq", "GH")],
//!         Some(Page::new(1, 1)),
//!     )?;
//!     Ok(Response::json(&serde_json::json!({ "identities": identities.total })))
//! }
//!
//! airlock_guest::export!(Counter);
//! ```
//!
//! Because the logic takes any [`Host`], it is tested without WebAssembly: the feature `testing` has a host with a small
//! ledger in memory that fails, loses answers or is killed on request.
//!
//! To follow the contract when it grows by a function: add it to [`Host`], to the component's host, to the host for tests, and
//! to the wrapper that apps call.

mod alerts;
mod app;
#[expect(clippy::pedantic, reason = "generated from wit/")]
#[doc(hidden)]
pub mod bindings;
mod cloud;
#[doc(hidden)]
pub mod component;
mod data;
mod error;
mod filter;
mod host;
mod http;
mod ledger;
mod log;
mod outside;
mod problem;
mod router;
mod scope;
mod settings;
mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use alerts::Alerts;
pub use app::{App, Delivery, Failure, Session};
pub use cloud::{Collection, Listing, Page};
pub use data::Data;
pub use error::{ApiError, CloudError, ConnectionError, JobError, StoreError, Wait};
pub use filter::Filters;
pub use host::{Answer, Condition, Entry, Host, Install, Level};
pub use http::{Request, Response};
pub use ledger::Ledger;
pub use log::Log;
pub use outside::{Connections, Jobs};
pub use problem::Problem;
pub use router::Router;
pub use scope::Scope;
pub use settings::Settings;
pub use store::{Store, Stored};
