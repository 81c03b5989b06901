//! The life of an install: from an event to an attempt, from an attempt to an install, from an install to its end.
//!
//! Answers "which install is this, and is it active". The only maker of [`Tenant`] and [`ActiveInstall`], and the only
//! floor that changes an install's status. Knows the wire form of Cloud's events, but no HTTP and no Cloud calls: what
//! Cloud says about a key is brought here as a [`crate::store::installs::Proof`].

mod belonging;
pub mod endpoints;
pub mod event;
pub mod follow;
pub mod guest_store;
mod key_use;
pub mod keys;
pub mod launch;
pub mod lifecycle;
pub mod live;
mod load;
pub mod receive;
pub mod refusal;
pub mod rotation;
pub mod switches;
pub(crate) mod task;
pub mod tenant;

pub use endpoints::{Address, EndpointKind, Endpoints, Older, Rotated};
pub use event::{Event, EventError, InstallEvent, UninstallEvent};
pub use follow::follow;
pub use guest_store::{Condition, Entry, GuestStore, GuestStoreError};
pub use key_use::KeyUseError;
pub use keys::{KeyStatus, WrongKeys};
pub use launch::{FirstUse, LaunchRefused, LaunchRequest, SessionRefused, UseRefused};
pub use lifecycle::{Accepted, Installs, OpenInstallsError};
pub use live::{NotCurrent, Stale};
pub use receive::{Receipt, ReceiveError};
pub use rotation::RotationStep;
pub use switches::Switches;
pub use tenant::{ActiveInstall, Attempt, Tenant};

#[cfg(test)]
mod tests;
