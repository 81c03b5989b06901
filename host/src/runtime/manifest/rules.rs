//! The rules of each key of `app.toml`, and the step from the written to the checked form.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};
use std::time::Duration;

use super::keys::nearest;
use super::{
    BuildCommand, CallLimitRequest, ConnectionRequest, JobRequest, LimitRequest, Manifest,
    ManifestError, Wire, WireJob, WireLimits,
};
use crate::model::Permission;

/// Most entries of any list or table: nothing real has more, and each costs the operator attention.
const MAX_ENTRIES: usize = 64;
/// Longest version in characters, which are all of one byte.
const MAX_VERSION: usize = 64;
/// Shortest period of a job: below it, jobs would be a way around the limits of calls.
const MIN_PERIOD: Duration = Duration::from_mins(1);
/// Longest period of a job.
const MAX_PERIOD: Duration = Duration::from_hours(366 * 24);
/// The key under which Core marks tokenized fields: writing it would make Core detokenize or lose them.
const RESERVED_METADATA_KEYS: [&str; 1] = ["tokenized_fields"];

pub(super) fn checked(wire: Wire) -> Result<Manifest, ManifestError> {
    text("name", &wire.name, 1, 64)?;
    text("description", &wire.description, 0, 500)?;
    text("developer", &wire.developer, 0, 100)?;
    if wire.version.len() > MAX_VERSION {
        return Err(ManifestError::at(
            "version",
            format!("is longer than {MAX_VERSION} characters; try \"0.1.0\""),
        ));
    }
    if let Err(error) = semver::Version::parse(&wire.version) {
        return Err(ManifestError::at(
            "version",
            format!("is not a semantic version ({error}); try \"0.1.0\""),
        ));
    }
    Ok(Manifest {
        metadata_keys: metadata_keys(wire.metadata_keys)?,
        permissions: permissions(wire.permissions)?,
        settings: settings(wire.settings)?,
        connections: connections(wire.connections)?,
        jobs: jobs(wire.jobs)?,
        limits: limits(&wire.limits)?,
        build: wire.build.map(build).transpose()?,
        scenarios: wire
            .test
            .map(|test| relative("test.scenarios", &test.scenarios).map(|()| test.scenarios))
            .transpose()?,
        name: wire.name,
        version: wire.version,
        description: wire.description,
        developer: wire.developer,
    })
}

/// Text for people: `min` to `max` characters, none of them a control character.
fn text(place: &str, value: &str, min: usize, max: usize) -> Result<(), ManifestError> {
    let length = value.trim().chars().count();
    if length < min {
        return Err(ManifestError::at(
            place,
            "is empty; write a sentence for people",
        ));
    }
    if length > max {
        return Err(ManifestError::at(
            place,
            format!("is longer than {max} characters"),
        ));
    }
    if value.chars().any(char::is_control) {
        return Err(ManifestError::at(
            place,
            "has a control character, such as a line break",
        ));
    }
    Ok(())
}

/// A name that becomes part of addresses, variables and JSON keys.
fn name(place: &str, value: &str, extra: &[u8]) -> Result<(), ManifestError> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || extra.contains(&byte);
    if value.is_empty() || value.len() > 64 || !value.bytes().all(sound) {
        let extra = String::from_utf8_lossy(extra).into_owned();
        return Err(ManifestError::at(
            place,
            format!("is not a name: 1 to 64 letters, digits and \"{extra}\""),
        ));
    }
    Ok(())
}

fn few(place: &str, length: usize) -> Result<(), ManifestError> {
    if length > MAX_ENTRIES {
        return Err(ManifestError::at(
            place,
            format!("has more than {MAX_ENTRIES} entries"),
        ));
    }
    Ok(())
}

fn metadata_keys(keys: Vec<String>) -> Result<BTreeSet<String>, ManifestError> {
    few("metadata_keys", keys.len())?;
    let mut set = BTreeSet::new();
    for key in keys {
        name(
            &format!("metadata_keys: \"{}\"", key.escape_debug()),
            &key,
            b"_-",
        )?;
        if RESERVED_METADATA_KEYS.contains(&key.as_str()) {
            return Err(ManifestError::at(
                "metadata_keys",
                format!("\"{key}\" belongs to Core; choose a key named after the app"),
            ));
        }
        if !set.insert(key.clone()) {
            return Err(ManifestError::at(
                "metadata_keys",
                format!("\"{key}\" stands there twice"),
            ));
        }
    }
    Ok(set)
}

fn permissions(
    wire: BTreeMap<String, String>,
) -> Result<BTreeMap<Permission, String>, ManifestError> {
    let mut permissions = BTreeMap::new();
    for (scope, purpose) in wire {
        let place = format!("permissions.\"{}\"", scope.escape_debug());
        let Some(permission) = Permission::find(&scope) else {
            let known = Permission::ALL.iter().map(|permission| permission.as_str());
            return Err(ManifestError::at(
                place,
                format!(
                    "is not a scope that this host can serve{}",
                    nearest(&scope, known)
                ),
            ));
        };
        if purpose.trim().is_empty() {
            return Err(ManifestError::at(
                place,
                "is empty; tell the user in a sentence why",
            ));
        }
        text(&place, &purpose, 1, 300)?;
        permissions.insert(permission, purpose);
    }
    Ok(permissions)
}

fn settings(wire: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ManifestError> {
    few("settings", wire.len())?;
    for (key, value) in &wire {
        let place = format!("settings.\"{}\"", key.escape_debug());
        name(&place, key, b"_-")?;
        if value.len() > 4096 {
            return Err(ManifestError::at(place, "is longer than 4096 bytes"));
        }
    }
    Ok(wire)
}

fn connections(
    wire: BTreeMap<String, ConnectionRequest>,
) -> Result<BTreeMap<String, ConnectionRequest>, ManifestError> {
    few("connections", wire.len())?;
    for (key, connection) in &wire {
        let place = format!("connections.\"{}\"", key.escape_debug());
        name(&place, key, b"-")?;
        text(&format!("{place}.purpose"), &connection.purpose, 1, 300)?;
    }
    Ok(wire)
}

fn jobs(wire: BTreeMap<String, WireJob>) -> Result<BTreeMap<String, JobRequest>, ManifestError> {
    few("jobs", wire.len())?;
    wire.into_iter()
        .map(|(key, job)| {
            let place = format!("jobs.\"{}\"", key.escape_debug());
            name(&place, &key, b"-")?;
            let every = job
                .every
                .map(|every| period(&format!("{place}.every"), &every))
                .transpose()?;
            Ok((key, JobRequest { every }))
        })
        .collect()
}

/// `90s`, `15m`, `24h` or `7d`.
fn period(place: &str, value: &str) -> Result<Duration, ManifestError> {
    let digits = value.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let seconds = match value.get(digits.len()..) {
        Some("s") => Some(1),
        Some("m") => Some(60),
        Some("h") => Some(3600),
        Some("d") => Some(24 * 3600),
        _ => None,
    };
    let number = digits.parse::<u64>().ok().filter(|_| digits.len() <= 9);
    let (Some(number), Some(seconds)) = (number, seconds) else {
        return Err(ManifestError::at(
            place,
            "is not a period; try \"15m\", \"24h\" or \"7d\"",
        ));
    };
    let period = Duration::from_secs(number.saturating_mul(seconds));
    if period < MIN_PERIOD || period > MAX_PERIOD {
        return Err(ManifestError::at(
            place,
            "is not between one minute (\"1m\") and a year (\"366d\")",
        ));
    }
    Ok(period)
}

fn limits(wire: &WireLimits) -> Result<LimitRequest, ManifestError> {
    for (place, value) in [
        ("limits.memory_mib", wire.memory_mib),
        ("limits.cpu_ms", wire.cpu_ms),
        ("limits.wall_ms", wire.wall_ms),
        ("limits.background_cpu_ms", wire.background_cpu_ms),
        ("limits.background_wall_ms", wire.background_wall_ms),
    ] {
        if value == Some(0) {
            return Err(ManifestError::at(
                place,
                "is 0: nothing could run; leave it out for the host's own",
            ));
        }
    }
    Ok(LimitRequest {
        memory_mib: wire.memory_mib,
        portal: CallLimitRequest {
            cpu_ms: wire.cpu_ms,
            wall_ms: wire.wall_ms,
            cloud_calls: wire.cloud_calls,
        },
        background: CallLimitRequest {
            cpu_ms: wire.background_cpu_ms,
            wall_ms: wire.background_wall_ms,
            cloud_calls: wire.background_cloud_calls,
        },
    })
}

fn build(build: BuildCommand) -> Result<BuildCommand, ManifestError> {
    if build.command.trim().is_empty() {
        return Err(ManifestError::at(
            "build.command",
            "is empty; name the command that makes the component",
        ));
    }
    relative("build.output", &build.output)?;
    few("build.watch", build.watch.len())?;
    for path in &build.watch {
        relative("build.watch", path)?;
    }
    Ok(build)
}

/// A path that stays within the app's folder.
fn relative(place: &str, path: &str) -> Result<(), ManifestError> {
    let mut parts = Path::new(path).components().peekable();
    let inside = parts.peek().is_some()
        && parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside || path.contains('\0') {
        return Err(ManifestError::at(
            place,
            "is not a path within the app's folder",
        ));
    }
    Ok(())
}
