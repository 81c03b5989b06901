//! Airlock: a plugin host for Blnk Custom Apps.
//!
//! The floors, lowest first; a module names only those above it in this list.

pub mod model;

pub mod config;

pub mod secret;

pub mod store;

pub mod install;

pub mod cloud;

pub mod runtime;

pub mod intake;

pub mod web;

pub mod admin;

pub mod app;

pub mod cli;
