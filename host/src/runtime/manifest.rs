//! `app.toml`: what a package says about itself, checked whole before anything of it is used.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;

use super::guest_log::escaped;
use crate::model::Permission;

mod keys;
mod rules;

/// Longest `app.toml` in bytes.
pub const MAX_MANIFEST_BYTES: u64 = 64 * 1024;

/// Longest text that is shown of a manifest that was not checked, in bytes.
const MAX_SHOWN: usize = 300;
/// Longest sentence about a problem, in bytes. It may quote a value.
const MAX_PROBLEM: usize = 600;

/// What is wrong with an `app.toml`: where, what, and what to try.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("app.toml: {place}: {problem}")]
pub struct ManifestError {
    /// The key, as `permissions."data:read"`, or the line.
    pub place: String,
    /// What is wrong with it and what to try.
    pub problem: String,
}

impl ManifestError {
    /// Place and problem may quote the file, and are escaped and cut.
    fn at(place: impl AsRef<str>, problem: impl AsRef<str>) -> Self {
        Self {
            place: escaped(place.as_ref(), MAX_SHOWN),
            problem: escaped(problem.as_ref(), MAX_PROBLEM),
        }
    }
}

/// A checked `app.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The app's name for people, at most 64 characters.
    pub name: String,
    /// Its version, a semantic one.
    pub version: String,
    /// What it does, for people.
    pub description: String,
    /// Who made it.
    pub developer: String,
    /// The top-level metadata keys that it may write.
    pub metadata_keys: BTreeSet<String>,
    /// The scopes that it asks for, each with the sentence that tells the user why.
    pub permissions: BTreeMap<Permission, String>,
    /// Its settings and their defaults.
    pub settings: BTreeMap<String, String>,
    /// The outside services that it can use.
    pub connections: BTreeMap<String, ConnectionRequest>,
    /// The jobs that it runs in the background.
    pub jobs: BTreeMap<String, JobRequest>,
    /// Limits lower than the operator's.
    pub limits: LimitRequest,
    /// How it is built. Never run from `plugins/`.
    pub build: Option<BuildCommand>,
    /// The folder of its scenario files.
    pub scenarios: Option<String>,
}

/// `[connections.<name>]`: an outside service that the operator may connect.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionRequest {
    /// What for, for the operator.
    pub purpose: String,
    /// Whether the app is useless without it.
    #[serde(default)]
    pub required: bool,
}

/// `[jobs.<name>]`: background work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRequest {
    /// How often it runs by itself; a job without it runs when it was scheduled.
    pub every: Option<Duration>,
}

/// `[limits]`: each may only lower the operator's ceiling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitRequest {
    /// Linear memory of one call, in MiB.
    pub memory_mib: Option<u64>,
    /// `cpu_ms`, `wall_ms`, `cloud_calls`.
    pub portal: CallLimitRequest,
    /// `background_cpu_ms`, `background_wall_ms`, `background_cloud_calls`.
    pub background: CallLimitRequest,
}

/// The lowered limits of one kind of call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallLimitRequest {
    /// CPU time in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Time on the clock in milliseconds.
    pub wall_ms: Option<u64>,
    /// Calls to Blnk Cloud.
    pub cloud_calls: Option<u64>,
}

/// `[build]`: used by `airlock build` and `airlock dev` on the app's own folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildCommand {
    /// Run by a shell in the app's folder.
    pub command: String,
    /// The component that it makes, relative to the app's folder.
    pub output: String,
    /// What is watched by `airlock dev`, relative to the app's folder.
    #[serde(default = "default_watch")]
    pub watch: Vec<String>,
}

fn default_watch() -> Vec<String> {
    vec!["src".to_owned(), "ui".to_owned()]
}

impl Manifest {
    /// Reads the text of an `app.toml`.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let table: toml::Table = text.parse().map_err(|error| in_text(text, &error))?;
        keys::check(&table)?;
        let wire: Wire = toml::from_str(text).map_err(|error| in_text(text, &error))?;
        rules::checked(wire)
    }

    /// Every name under `[permissions]` with its sentence, known to this host or not, of a text that may be no manifest
    /// in other ways; both are cut and escaped. None where the text is not TOML.
    pub(crate) fn permissions_in(text: &str) -> Option<BTreeMap<String, String>> {
        let table: toml::Table = text.parse().ok()?;
        let asked = table.get("permissions").and_then(toml::Value::as_table);
        let pairs = asked.into_iter().flatten().map(|(scope, purpose)| {
            let purpose = purpose.as_str().unwrap_or_default();
            (escaped(scope, MAX_SHOWN), escaped(purpose, MAX_SHOWN))
        });
        Some(pairs.collect())
    }

    /// The scopes that the app asks for.
    pub fn requested(&self) -> BTreeSet<Permission> {
        self.permissions.keys().copied().collect()
    }
}

/// The file as it is written; names, alphabets and sizes are still unchecked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    name: String,
    version: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    developer: String,
    #[serde(default)]
    metadata_keys: Vec<String>,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default)]
    connections: BTreeMap<String, ConnectionRequest>,
    #[serde(default)]
    jobs: BTreeMap<String, WireJob>,
    #[serde(default)]
    limits: WireLimits,
    build: Option<BuildCommand>,
    test: Option<WireTest>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireJob {
    every: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLimits {
    memory_mib: Option<u64>,
    cpu_ms: Option<u64>,
    wall_ms: Option<u64>,
    cloud_calls: Option<u64>,
    background_cpu_ms: Option<u64>,
    background_wall_ms: Option<u64>,
    background_cloud_calls: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireTest {
    scenarios: String,
}

/// An error of the TOML reader, placed by its line.
fn in_text(text: &str, error: &toml::de::Error) -> ManifestError {
    let place = match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}", before.matches('\n').count() + 1),
        None => "the file".to_owned(),
    };
    ManifestError::at(place, error.message().trim_end())
}

#[cfg(test)]
mod tests;
