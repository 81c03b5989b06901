//! Configuration: read once, from four places, each value knowing where it came from.
//!
//! Flag beats environment beats file beats default. Every key is listed in [`keys`]; an unknown one is an error with
//! the nearest known name. This floor is the only one that reads the environment.

use std::ffi::OsString;

use secrecy::SecretString;
use zeroize::Zeroizing;

pub mod database;
pub mod keys;
pub mod layers;
pub mod network;
pub mod secrets;
pub mod settings;

pub use database::DatabaseUrl;
pub use layers::{ConfigError, Layers, Source};
pub use network::{NetworkSettings, Rate, RateSettings, SourcePolicy};
pub use secrets::Secrets;
pub use settings::{AppSettings, Config, LimitOverrides};

/// The variables of the environment that are this program's, without those that hold secrets or name their files.
pub fn environment() -> Vec<(String, String)> {
    own_variables()
        .filter(|(name, _)| !secrets::VARIABLES.contains(&name.as_str()))
        .filter_map(|(name, value)| Some((name, value.into_string().ok()?)))
        .collect()
}

/// The variables that hold secrets or name their files. What was read on the way is wiped.
pub fn secret_variables() -> Vec<(String, SecretString)> {
    own_variables()
        .filter(|(name, _)| secrets::VARIABLES.contains(&name.as_str()))
        .filter_map(|(name, value)| {
            let value = Zeroizing::new(value.into_string().ok()?);
            Some((name, value.as_str().into()))
        })
        .collect()
}

/// The names of every variable that is this program's, for keeping them from others.
pub fn variable_names() -> Vec<String> {
    own_variables().map(|(name, _)| name).collect()
}

fn own_variables() -> impl Iterator<Item = (String, OsString)> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the environment is read here, and nowhere else"
    )]
    let variables = std::env::vars_os();
    variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with("AIRLOCK_") || name == "SESSION_SECRET")
}

/// The configuration file that `AIRLOCK_CONFIG` names, if it is set.
pub fn file_of_environment() -> Option<std::path::PathBuf> {
    let mut variables = environment().into_iter();
    let (_, path) = variables.find(|(name, path)| name == "AIRLOCK_CONFIG" && !path.is_empty())?;
    Some(path.into())
}
