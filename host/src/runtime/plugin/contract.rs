//! What a component may import and must export, read from its type before anything of it runs.
//!
//! The host compares versions itself: the linker would match a newer patch of the contract by its first digits and
//! fail later, in words that help nobody.

use std::collections::BTreeSet;

use semver::Version;
use wasmtime::component::{Component, types::ComponentItem};

use crate::model::Permission;
use crate::runtime::guest_log::escaped;
use crate::runtime::host::WASI_INTERFACES;

/// The contract's package.
pub const PACKAGE: &str = "blnk:app";
/// The contract's version that this host serves: every `0.1` up to this patch.
pub const VERSION: Version = Version::new(0, 1, 0);

/// Longest name of an import or export that is kept, in bytes. A component may have names of 100,000 bytes, with any
/// characters in them; those of the contract and of WASI are within it.
const MAX_NAME: usize = 200;
/// Longest name in a reason, in bytes.
const MAX_QUOTED: usize = 80;
/// Most names in a reason.
const MAX_QUOTES: usize = 20;

/// The interfaces that an app may import, each with the scope that its functions ask for. Those that only hold types
/// ask for none.
const INTERFACES: [(&str, Option<Permission>); 12] = [
    ("context", None),
    ("cloud-types", None),
    ("data", Some(Permission::DataRead)),
    ("ledger", Some(Permission::DataWrite)),
    ("alerts", Some(Permission::AlertsRead)),
    ("alert-actions", Some(Permission::AlertsWrite)),
    ("store", None),
    ("http-types", None),
    ("connections", None),
    ("jobs", None),
    ("log", None),
    ("delivery", None),
];

/// The interfaces whose functions have nothing behind them on this host yet, each with what they answer.
const WITHOUT_EFFECT: [(&str, &str); 2] = [
    (
        "connections",
        "this host connects no outside services yet: calls answer not-connected",
    ),
    (
        "jobs",
        "this host runs no jobs yet: calls answer unknown-job",
    ),
];

/// Those of them that only hold types. Whatever uses them brings them along.
const ONLY_TYPES: [&str; 3] = ["cloud-types", "http-types", "delivery"];

/// The interfaces with functions that an app may use which asks for these scopes: those of its scopes, and those that
/// need none.
pub(crate) fn usable(requested: &BTreeSet<Permission>) -> impl Iterator<Item = &'static str> {
    INTERFACES.iter().filter_map(|(name, scope)| {
        let asked_for = scope.is_none_or(|scope| requested.contains(&scope));
        (asked_for && !ONLY_TYPES.contains(name)).then_some(*name)
    })
}

/// Why a component does not fit the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// Built for a version that this host does not serve.
    #[error("built for {PACKAGE} {found}; this host serves {served}; {hint}")]
    Version {
        /// The version it was built for, as short as it tells the difference.
        found: String,
        /// The versions that this host serves.
        served: String,
        /// What to try.
        hint: &'static str,
    },
    /// Imports that this host does not give, with the recipe that leaves them out.
    #[error(
        "imports what this host does not give: {}; try: {recipe}",
        quoted(names)
    )]
    Imports {
        /// Each by its whole name.
        names: Vec<String>,
        /// How the app's toolchain leaves them out.
        recipe: &'static str,
    },
    /// The one export that every app has is missing.
    #[error(
        "does not export {PACKAGE}/portal, which answers the page's requests; it exports {found}"
    )]
    NoPortal {
        /// What it exports instead.
        found: String,
    },
}

/// The versions that a host with this contract serves, for people: `0.1`, or `0.1.0 to 0.1.2`.
pub fn served(version: &Version) -> String {
    let line = format!("{}.{}", version.major, version.minor);
    if version.patch == 0 {
        line
    } else {
        format!("{line}.0 to {version}")
    }
}

/// A surface that fits the contract of a host. Made only by [`Surface::fit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitting(Surface);

impl Fitting {
    /// The surface.
    pub fn into_surface(self) -> Surface {
        self.0
    }
}

/// What a component's type says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surface {
    /// The newest version of the contract that it names; none if it names none.
    pub version: Option<Version>,
    /// Its imports, by name.
    pub imports: Vec<String>,
    /// Its exports, by name.
    pub exports: Vec<String>,
    /// The scopes that its imports can ever use.
    pub scopes: BTreeSet<Permission>,
}

impl Surface {
    /// Reads the type of a component.
    pub fn of(component: &Component, engine: &wasmtime::Engine) -> Self {
        let kind = component.component_type();
        let imports: Vec<_> = kind
            .imports(engine)
            .map(|(name, item)| described(name, &item.ty))
            .collect();
        let exports: Vec<_> = kind
            .exports(engine)
            .map(|(name, item)| described(name, &item.ty))
            .collect();
        let scopes = imports.iter().filter_map(|name| scope_of(name)).collect();
        let version = imports
            .iter()
            .chain(&exports)
            .filter_map(|name| version_of(name))
            .max();
        Self {
            version,
            imports,
            exports,
            scopes,
        }
    }

    /// As many names as a person reads.
    pub(crate) fn shortened(&self, names: usize) -> Self {
        let first = |all: &[String]| all.iter().take(names).cloned().collect();
        Self {
            version: self.version.clone(),
            imports: first(&self.imports),
            exports: first(&self.exports),
            scopes: self.scopes.clone(),
        }
    }

    /// Refuses what a host whose contract has this version can't serve.
    pub fn fit(self, served: &Version) -> Result<Fitting, ContractError> {
        self.check_version(served)?;
        self.check_imports()?;
        self.check_exports()?;
        Ok(Fitting(self))
    }

    fn check_version(&self, served: &Version) -> Result<(), ContractError> {
        for found in self
            .imports
            .iter()
            .chain(&self.exports)
            .filter_map(|name| version_of(name))
        {
            let same_line = (found.major, found.minor) == (served.major, served.minor);
            if same_line && found.pre.is_empty() && found <= *served {
                continue;
            }
            let newer = (found.major, found.minor, found.patch)
                > (served.major, served.minor, served.patch);
            let hint = if newer {
                "update the host, or build the app with the contract that comes with this host"
            } else {
                "build the app again with the contract that comes with this host"
            };
            let found = if same_line || !found.pre.is_empty() {
                found.to_string()
            } else {
                format!("{}.{}", found.major, found.minor)
            };
            let found = escaped(&found, MAX_QUOTED);
            let served = self::served(served);
            return Err(ContractError::Version {
                found,
                served,
                hint,
            });
        }
        Ok(())
    }

    fn check_imports(&self) -> Result<(), ContractError> {
        let names: Vec<_> = self
            .imports
            .iter()
            .filter(|name| !is_given(name))
            .cloned()
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let recipe = recipe(&names);
        Err(ContractError::Imports { names, recipe })
    }

    fn check_exports(&self) -> Result<(), ContractError> {
        if self
            .exports
            .iter()
            .any(|name| interface_of(name) == Some("portal"))
        {
            return Ok(());
        }
        let found = match self.exports.as_slice() {
            [] => "nothing".to_owned(),
            names => quoted(names),
        };
        Err(ContractError::NoPortal { found })
    }
}

/// Names in a sentence: the first of them, each cut.
fn quoted(names: &[String]) -> String {
    let shown = names.iter().take(MAX_QUOTES);
    let shown: Vec<_> = shown.map(|name| escaped(name, MAX_QUOTED)).collect();
    match names.len().saturating_sub(MAX_QUOTES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// An import or export as a person reads it: what is no interface says so. Escaped and cut, which makes no name that is
/// known out of one that is not.
fn described(name: &str, item: &ComponentItem) -> String {
    let name = escaped(name, MAX_NAME);
    match item {
        ComponentItem::ComponentInstance(_) => name,
        ComponentItem::ComponentFunc(_) => format!("function {name}"),
        ComponentItem::Component(_) => format!("component {name}"),
        ComponentItem::Module(_) => format!("module {name}"),
        _ => format!("type {name}"),
    }
}

/// `data` of `blnk:app/data@0.1.0`.
fn interface_of(name: &str) -> Option<&str> {
    let interface = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    Some(
        interface
            .split_once('@')
            .map_or(interface, |(interface, _)| interface),
    )
}

fn known(interface: &str) -> Option<&'static (&'static str, Option<Permission>)> {
    INTERFACES.iter().find(|(known, _)| *known == interface)
}

/// `0.1.0` of `blnk:app/data@0.1.0`. An interface of the contract without a version is version 0.0.0: too old.
fn version_of(name: &str) -> Option<Version> {
    interface_of(name)?;
    let version = name
        .split_once('@')
        .and_then(|(_, version)| Version::parse(version).ok());
    Some(version.unwrap_or(Version::new(0, 0, 0)))
}

/// Why an import does nothing for a guest here; none if it does.
pub(crate) fn never_given(import: &str) -> Option<&'static str> {
    if !is_given(import) {
        return Some("this host does not have it, and refuses the component");
    }
    let interface = interface_of(import)?;
    let found = WITHOUT_EFFECT.iter().find(|(name, _)| *name == interface);
    found.map(|(_, answer)| *answer)
}

/// The scope that an import needs.
pub(crate) fn scope_of(import: &str) -> Option<Permission> {
    known(interface_of(import)?)?.1
}

/// Whether the linker has it.
fn is_given(name: &str) -> bool {
    if let Some(interface) = interface_of(name) {
        return known(interface).is_some();
    }
    name.split_once('@').is_some_and(|(interface, version)| {
        version.starts_with("0.2.") && WASI_INTERFACES.contains(&interface)
    })
}

/// What helps: toolchains pull the same few interfaces in, each for its own reason.
fn recipe(names: &[String]) -> &'static str {
    let any = |prefix: &str| names.iter().any(|name| name.starts_with(prefix));
    if any("wasi:http") {
        "JavaScript: componentize-js with disableFeatures: ['http','fetch-event','stdio']; Python: componentize-py with \
         --stub-wasi; outside services are reached through blnk:app/connections"
    } else if any("wasi:filesystem") || any("wasi:sockets") {
        "Rust: no std::fs and no std::net in the app or its dependencies; Python: componentize-py with --stub-wasi; \
         JavaScript: componentize-js with disableFeatures: ['http','fetch-event','stdio']; records are kept through \
         blnk:app/store"
    } else if any("wasi:") {
        "build for WASI 0.2, of which this host gives io, clocks, random and a bare cli"
    } else if any(PACKAGE) {
        "build the app with the contract that comes with this host"
    } else {
        "import only blnk:app; for Rust, build with --target wasm32-wasip2, since modules of other targets import \
         functions by their bare names"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(imports: &[&str], exports: &[&str]) -> Surface {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Surface {
            version: None,
            imports: owned(imports),
            exports: owned(exports),
            scopes: BTreeSet::new(),
        }
    }

    fn error(imports: &[&str], exports: &[&str]) -> String {
        let refused = surface(imports, exports).fit(&VERSION);
        refused.unwrap_err().to_string()
    }

    const PORTAL: &[&str] = &["blnk:app/portal@0.1.0"];

    #[test]
    fn the_contract_and_the_given_part_of_wasi_are_taken() {
        let imports = [
            "blnk:app/data@0.1.0",
            "blnk:app/http-types@0.1.0",
            "wasi:cli/stdout@0.2.6",
            "wasi:io/streams@0.2.0",
        ];
        assert!(surface(&imports, PORTAL).fit(&VERSION).is_ok());
        let exports = ["blnk:app/portal@0.1.0", "blnk:app/lifecycle@0.1.0"];
        assert!(surface(&[], &exports).fit(&VERSION).is_ok());
    }

    #[test]
    fn h14_another_version_is_refused_in_a_sentence() {
        assert_eq!(
            error(&["blnk:app/context@0.2.0"], &["blnk:app/portal@0.2.0"]),
            "built for blnk:app 0.2; this host serves 0.1; update the host, or build the app with the contract that \
             comes with this host"
        );
        assert!(
            error(&[], &["blnk:app/portal@0.1.1"])
                .starts_with("built for blnk:app 0.1.1; this host serves 0.1;")
        );
        assert!(
            error(&[], &["blnk:app/portal@0.1.0-rc1"]).starts_with("built for blnk:app 0.1.0-rc1;")
        );
        assert!(error(&[], &["blnk:app/portal@1.0.0"]).starts_with("built for blnk:app 1.0;"));
        assert!(error(&[], &["blnk:app/portal"]).contains("0.0;"));
    }

    #[test]
    fn h13_every_import_that_is_not_given_is_named_with_a_recipe() {
        let error_text = error(
            &[
                "wasi:sockets/tcp@0.2.6",
                "blnk:app/data@0.1.0",
                "wasi:http/types@0.2.0",
            ],
            PORTAL,
        );
        assert!(
            error_text.contains("wasi:sockets/tcp@0.2.6, wasi:http/types@0.2.0;"),
            "{error_text}"
        );
        assert!(error_text.contains("'fetch-event'"), "{error_text}");
        for (import, hint) in [
            ("wasi:filesystem/types@0.2.6", "std::fs"),
            ("wasi:cli/stdout@0.3.0", "WASI 0.2"),
            ("wasi:keyvalue/store@0.2.0", "WASI 0.2"),
            (
                "blnk:app/teleport@0.1.0",
                "the contract that comes with this host",
            ),
            ("function env", "bare names"),
            ("my:own/thing", "bare names"),
        ] {
            let text = error(&[import], PORTAL);
            assert!(text.contains(import) && text.contains(hint), "{text}");
        }
    }

    #[test]
    fn h14_a_component_without_the_portal_is_refused() {
        assert!(error(&[], &[]).ends_with("it exports nothing"));
        assert!(error(&[], &["wasi:cli/run@0.2.6"]).ends_with("it exports wasi:cli/run@0.2.6"));
    }
}
