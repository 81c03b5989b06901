//! Configuration: read once, from four places, each value knowing where it came from.
//!
//! Flag beats environment beats file beats default. Every key is listed in [`keys`]; an unknown one is an error with
//! the nearest known name. This floor is the only one that reads the environment.

pub mod keys;
pub mod layers;
pub mod secrets;
pub mod settings;

pub use layers::{ConfigError, Layers, Source};
pub use secrets::Secrets;
pub use settings::{AppSettings, Config, LimitOverrides};
