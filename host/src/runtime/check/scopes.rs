//! Scopes that a component can use beside those that its package asks for, and what neither will ever get here.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::Permission;
use crate::runtime::manifest::Manifest;
use crate::runtime::plugin::contract::{Surface, never_given, scope_of};

/// How an import and `[permissions]` stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ScopeStatus {
    /// Imported and asked for.
    #[serde(rename = "used")]
    Used,
    /// Asked for, and no import uses it.
    #[serde(rename = "unused")]
    Unused,
    /// Imported and not asked for: calls answer `not-requested`.
    #[serde(rename = "missing")]
    Missing,
    /// Asked for, and unknown to this host.
    #[serde(rename = "never given here")]
    NeverGiven,
    /// Imported by a component without a package that could ask.
    #[serde(rename = "needed")]
    Needed,
    /// Asked for by a package whose component can't be read.
    #[serde(rename = "not known")]
    NotKnown,
}

impl ScopeStatus {
    /// The words that are shown; the same in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Unused => "unused",
            Self::Missing => "missing",
            Self::NeverGiven => "never given here",
            Self::Needed => "needed",
            Self::NotKnown => "not known",
        }
    }
}

/// One scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScopeLine {
    /// Its name.
    pub scope: String,
    /// How it stands.
    pub status: ScopeStatus,
    /// The package's sentence for the user, where it asks.
    pub purpose: Option<String>,
    /// The imports that need it.
    pub imports: Vec<String>,
}

/// Something that a component or a package counts on, and that does nothing on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NeverGiven {
    /// The import, or the key of the manifest.
    pub name: String,
    /// What happens instead.
    pub why: String,
}

/// Every scope that is imported or asked for: first those that this host knows, in their order. `asked` is what stands
/// under `[permissions]`, none if nobody can know.
pub(super) fn lines(
    surface: Option<&Surface>,
    asked: Option<&BTreeMap<String, String>>,
) -> Vec<ScopeLine> {
    let none = BTreeSet::new();
    let imported = surface.map_or(&none, |surface| &surface.scopes);
    let mut lines = Vec::new();
    for scope in Permission::ALL {
        let purpose = asked.and_then(|asked| asked.get(scope.as_str()));
        let status = match (imported.contains(&scope), purpose) {
            (false, None) => continue,
            (false, Some(_)) if surface.is_none() => ScopeStatus::NotKnown,
            (false, Some(_)) => ScopeStatus::Unused,
            (true, Some(_)) => ScopeStatus::Used,
            (true, None) if asked.is_none() => ScopeStatus::Needed,
            (true, None) => ScopeStatus::Missing,
        };
        let imports = surface.map_or(&[][..], |surface| &surface.imports);
        let needing = imports.iter().filter(|name| scope_of(name) == Some(scope));
        lines.push(ScopeLine {
            scope: scope.to_string(),
            status,
            purpose: purpose.cloned(),
            imports: needing.cloned().collect(),
        });
    }
    let unknown = asked.into_iter().flatten();
    let unknown = unknown.filter(|(scope, _)| Permission::find(scope).is_none());
    lines.extend(unknown.map(|(scope, purpose)| ScopeLine {
        scope: scope.clone(),
        status: ScopeStatus::NeverGiven,
        purpose: Some(purpose.clone()),
        imports: Vec::new(),
    }));
    lines
}

/// Imports and keys of the manifest with nothing behind them. Exports are left out: libraries export what they may be
/// asked for one day.
pub(super) fn without_effect(
    surface: Option<&Surface>,
    manifest: Option<&Manifest>,
) -> Vec<NeverGiven> {
    let mut found = Vec::new();
    let mut add = |name: String, why: &str| {
        found.push(NeverGiven {
            name,
            why: why.to_owned(),
        });
    };
    for import in surface.iter().flat_map(|surface| &surface.imports) {
        if let Some(why) = never_given(import) {
            add(import.clone(), why);
        }
    }
    let connections = manifest
        .iter()
        .flat_map(|manifest| manifest.connections.keys());
    for name in connections {
        add(
            format!("[connections.{name}]"),
            "this host connects no outside services yet",
        );
    }
    for name in manifest.iter().flat_map(|manifest| manifest.jobs.keys()) {
        add(format!("[jobs.{name}]"), "this host runs no jobs yet");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(imports: &[&str]) -> Surface {
        Surface {
            version: None,
            imports: imports.iter().map(|name| (*name).to_owned()).collect(),
            exports: vec!["blnk:app/background@0.1.0".to_owned()],
            scopes: imports.iter().filter_map(|name| scope_of(name)).collect(),
        }
    }

    fn asked(scopes: &[&str]) -> BTreeMap<String, String> {
        let pair = |scope: &&str| ((*scope).to_owned(), "Why.".to_owned());
        scopes.iter().map(pair).collect()
    }

    fn told(lines: &[ScopeLine]) -> Vec<(&str, &str, usize)> {
        let line = |line: &'_ ScopeLine| (line.status.as_str(), line.imports.len());
        let rows = lines.iter().map(|found| {
            let (status, imports) = line(found);
            (found.scope.as_str(), status, imports)
        });
        rows.collect()
    }

    const IMPORTS: [&str; 3] = [
        "blnk:app/data@0.1.0",
        "blnk:app/alerts@0.1.0",
        "blnk:app/context@0.1.0",
    ];

    #[test]
    fn each_scope_is_told_by_its_import_and_by_what_is_asked_for() {
        let asked = asked(&["data:read", "data:write", "cards:read"]);
        assert_eq!(
            told(&lines(Some(&surface(&IMPORTS)), Some(&asked))),
            [
                ("data:read", "used", 1),
                ("data:write", "unused", 0),
                ("alerts:read", "missing", 1),
                ("cards:read", "never given here", 0),
            ]
        );
    }

    #[test]
    fn without_a_manifest_scopes_are_needed_and_without_a_component_nothing_is_known() {
        assert_eq!(
            told(&lines(Some(&surface(&IMPORTS)), None)),
            [("data:read", "needed", 1), ("alerts:read", "needed", 1)]
        );
        assert_eq!(
            told(&lines(None, Some(&asked(&["data:read"])))),
            [("data:read", "not known", 0)]
        );
        assert_eq!(lines(None, None), []);
    }

    #[test]
    fn the_words_in_json_are_those_that_are_shown() {
        for status in [
            ScopeStatus::Used,
            ScopeStatus::Unused,
            ScopeStatus::Missing,
            ScopeStatus::NeverGiven,
            ScopeStatus::Needed,
            ScopeStatus::NotKnown,
        ] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }

    #[test]
    fn what_has_nothing_behind_it_is_named_wherever_it_stands() {
        let surface = surface(&[
            "blnk:app/jobs@0.1.0",
            "blnk:app/store@0.1.0",
            "wasi:sockets/tcp@0.2.6",
            "wasi:io/streams@0.2.6",
        ]);
        let manifest = Manifest::parse(
            "name = \"A\"\nversion = \"1.0.0\"\n[connections.check]\npurpose = \"To check.\"\n[jobs.scan]",
        )
        .unwrap();
        let found = without_effect(Some(&surface), Some(&manifest));
        let names: Vec<_> = found.iter().map(|given| given.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "blnk:app/jobs@0.1.0",
                "wasi:sockets/tcp@0.2.6",
                "[connections.check]",
                "[jobs.scan]"
            ]
        );
    }
}
