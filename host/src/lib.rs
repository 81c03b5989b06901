//! Airlock: a plugin host for Blnk Custom Apps.

pub mod model;
pub mod secret;
pub mod config;
pub mod store;
pub mod install;
pub mod cloud;
