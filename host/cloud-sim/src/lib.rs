//! A simulated Blnk Cloud: its Data, Filters, Proxy and Alerts APIs, the events that it sends to
//! apps, and a dashboard to press the buttons. For development and tests.
//!
//! It follows the documented shapes, and the undocumented ones that apps have met in the wild. It
//! shares no code and no types with the host: each has its own tables of routes and scopes, so
//! that a mistake in one shows against the other.
//!
//! The floors, lowest first:
//!
//! - `switches`, `options`, `scope`, `ids`, `mask`: words without behavior of their own.
//! - `record`: what was said between Cloud and apps.
//! - `query`: the filter grammar.
//! - `ledger`, `seed`, `state`: what the workspace holds, and the state file.
//! - `core`: what all parts of a running simulation share.
//! - `auth`, `api`: the Cloud APIs. `events`: what Cloud tells apps. `dashboard`: the page.
//! - `sim`: the handle that tests and the `dev` command hold.
//!
//! To add a Cloud API route: name it in `api::route` with its scope, dispatch it in `api`, write
//! the handler beside its kin, and test its shape and its trap in `tests/it`.

mod api;
mod auth;
mod core;
mod dashboard;
mod events;
mod ids;
mod ledger;
mod line;
mod mask;
mod options;
mod pages;
mod query;
mod record;
mod registration;
mod scope;
mod seed;
mod sim;
mod state;
mod switches;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use options::{Options, StartError};
pub use record::{Direction, RequestDetails, RequestRecord};
pub use registration::{EventError, InstallState, Installed, IssuedKey, Registered, Registration};
pub use sim::CloudSim;
pub use switches::{GateAction, Switches, WriteGate};

/// Locks, also after another holder panicked: what it left is better than no simulation.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
