//! Airlock: a plugin host for Blnk Custom Apps.
//!
//! The floors, lowest first. A module names only those above it in this list; a test checks it.
//!
//! - [`model`]: the words: ids, scopes, grants, time.
//! - [`config`]: four layers of values; the only reader of the environment.
//! - [`secret`]: keys and signatures: sealing, tokens, fingerprints.
//! - [`store`]: SQL, one file a table, one query a function.
//! - [`install`]: the life of an install, from an event to its end.
//! - [`cloud`]: calls to Blnk Cloud, each permitted by type.
//! - [`runtime`]: the sandbox: packages, limits, one call at a time.
//! - [`intake`]: the work behind an answered event.
//! - [`listener`]: connections: how many, how slow, and what a request's head may look like.
//! - [`web`]: HTTP in: Cloud's calls, the shell, the page and its API.
//! - [`admin`]: the operator's side: health and reports.
//! - [`app`]: wiring: from a configuration to a host that serves.
//! - [`cli`]: the commands.
//! - `fuzzing`: what fuzz targets call; only with the feature of that name, and in tests.

/// A call is begun by one thread and ended by another, and what it holds goes with it: an allocator for that. Here, so that
/// tests and benches find what the program does.
#[cfg(feature = "sandbox")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod model;

pub mod config;

pub mod secret;

pub mod store;

pub mod install;

pub mod cloud;

#[cfg(feature = "sandbox")]
pub mod runtime;

#[cfg(feature = "sandbox")]
pub mod intake;

#[cfg(feature = "sandbox")]
pub mod listener;

#[cfg(feature = "sandbox")]
pub mod web;

#[cfg(feature = "sandbox")]
pub mod admin;

#[cfg(feature = "sandbox")]
pub mod app;

#[cfg(feature = "sandbox")]
pub mod cli;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
