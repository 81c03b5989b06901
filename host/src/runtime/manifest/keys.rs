//! Unknown keys, each with the nearest known name: a misspelt key must not be a silent default.

use toml::{Table, Value};

use super::ManifestError;

/// The keys of a table: what each may be.
type Known = &'static [(&'static str, Kind)];

/// What stands under a key.
#[derive(Clone, Copy)]
enum Kind {
    /// A value, or a table whose names are the app's own.
    Free,
    /// A table with known keys.
    Table(Known),
    /// A table of the app's names, each a table with known keys.
    Named(Known),
}

const FILE: Known = &[
    ("name", Kind::Free),
    ("version", Kind::Free),
    ("description", Kind::Free),
    ("developer", Kind::Free),
    ("metadata_keys", Kind::Free),
    ("permissions", Kind::Free),
    ("settings", Kind::Free),
    (
        "connections",
        Kind::Named(&[("purpose", Kind::Free), ("required", Kind::Free)]),
    ),
    ("jobs", Kind::Named(&[("every", Kind::Free)])),
    ("limits", Kind::Table(LIMITS)),
    (
        "build",
        Kind::Table(&[
            ("command", Kind::Free),
            ("output", Kind::Free),
            ("watch", Kind::Free),
        ]),
    ),
    ("test", Kind::Table(&[("scenarios", Kind::Free)])),
];

const LIMITS: Known = &[
    ("memory_mib", Kind::Free),
    ("cpu_ms", Kind::Free),
    ("wall_ms", Kind::Free),
    ("cloud_calls", Kind::Free),
    ("background_cpu_ms", Kind::Free),
    ("background_wall_ms", Kind::Free),
    ("background_cloud_calls", Kind::Free),
];

/// Refuses keys that `app.toml` does not have.
pub(super) fn check(table: &Table) -> Result<(), ManifestError> {
    walk("", table, FILE)
}

fn walk(path: &str, table: &Table, known: Known) -> Result<(), ManifestError> {
    for (name, value) in table {
        let place = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let Some((_, kind)) = known.iter().find(|(known, _)| known == name) else {
            return Err(ManifestError::at(
                place,
                format!(
                    "is not a known key{}",
                    nearest(name, known.iter().map(|(name, _)| *name))
                ),
            ));
        };
        match (kind, value) {
            (Kind::Table(known), Value::Table(table)) => walk(&place, table, known)?,
            (Kind::Named(known), Value::Table(tables)) => {
                for (name, value) in tables {
                    if let Value::Table(table) = value {
                        walk(&format!("{place}.{name}"), table, known)?;
                    }
                }
            }
            // Wrong types are the reader's to refuse, with the line.
            _ => {}
        }
    }
    Ok(())
}

/// `; did you mean "x"?` for the nearest name, or the list of names where none is near.
pub(super) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match crate::model::nearest(given, known.clone()) {
        Some(name) => format!("; did you mean \"{name}\"?"),
        None => format!("; known are {}", known.collect::<Vec<_>>().join(", ")),
    }
}
