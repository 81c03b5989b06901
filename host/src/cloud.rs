//! Calls to Blnk Cloud, for one install at a time and only within its grants.
//!
//! [`Cloud::bind`] gives an [`InstanceCloud`] for one guest call; [`InstanceCloud::permit`] gives a [`Permitted`] for one
//! scope, and only there are the calls defined. [`transport`] is the only code that opens a socket to Cloud or
//! sees a plain key. Whatever a guest names is parsed in [`path`] and [`body`] before anything is sent.

pub mod body;
mod breaker;
mod budget;
pub mod calls;
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
pub mod meter;
pub mod outbound;
pub mod outside;
pub mod path;
pub mod permit;
mod persist;
pub mod proof;
mod reply;
mod settle;
#[cfg(test)]
pub(crate) mod testing;
pub mod transport;

pub use error::{ApiError, CloudError, Wait};
pub use meter::CallMeter;
pub use path::Page;
pub use permit::{
    AlertsRead, AlertsWrite, CallPolicy, Cloud, DataRead, DataWrite, InstanceCloud, Permitted,
};
pub use proof::ProofOutcome;
pub use transport::{CloudSettings, Transport, TransportError};
