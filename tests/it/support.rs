//! What the tests stand on: hosts in this process and as programs, clients as values, packages, and the wire to Cloud.

pub(crate) mod catalogue;
pub(crate) mod clients;
mod clock;
pub(crate) mod database;
pub(crate) mod event;
pub(crate) mod host;
pub(crate) mod http;
pub(crate) mod keys;
pub(crate) mod long;
pub(crate) mod packages;
pub(crate) mod place;
pub(crate) mod poll;
pub(crate) mod process;
pub(crate) mod secrets;
mod setup;
pub(crate) mod wire;

pub(crate) use clients::Portal;
pub(crate) use event::TestInstall;
pub(crate) use host::TestHost;
pub(crate) use http::{Answer, Ask};
pub(crate) use place::Place;
pub(crate) use process::ProcessHost;
pub(crate) use wire::Wire;
