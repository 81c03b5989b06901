//! Configuration: read once, from four places, each value knowing where it came from.
//!
//! Flag beats environment beats file beats default. Every key is listed in [`keys`]; an unknown one is an error with
//! the nearest known name. This floor is the only one that reads the environment.

pub mod database;
pub mod keys;
pub mod layers;
pub mod secrets;
pub mod settings;

pub use database::DatabaseUrl;
pub use layers::{ConfigError, Layers, Source};
pub use secrets::Secrets;
pub use settings::{AppSettings, Config, LimitOverrides};

/// The variables of the environment that are this program's, read in one place.
pub fn environment() -> Vec<(String, String)> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the environment is read here, and nowhere else"
    )]
    let variables = std::env::vars_os();
    variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("AIRLOCK_") || name == "SESSION_SECRET")
        .collect()
}

/// The configuration file that `AIRLOCK_CONFIG` names, if it is set.
pub fn file_of_environment() -> Option<std::path::PathBuf> {
    let mut variables = environment().into_iter();
    let (_, path) = variables.find(|(name, path)| name == "AIRLOCK_CONFIG" && !path.is_empty())?;
    Some(path.into())
}
