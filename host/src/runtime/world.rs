//! The world of one app: the contract as far as its `[permissions]` ask for it, as WIT text for the tools that make
//! components.
//!
//! Rust guests import what they use. The tools for JavaScript and Python import the whole world they are given, so a
//! component of theirs would ask for every scope; given this world, it can use what its manifest asks for and no more.
//!
//! Which world a component is made for says what it exports, and the app's own build command names it: `app` for the
//! portal alone, `custom-app` for everything, two more between them.

use std::collections::BTreeSet;

use super::plugin::contract::{PACKAGE, VERSION, usable};
use crate::model::Permission;

/// The contract that comes with this host.
const CONTRACT: &str = include_str!("../../../wit/app.wit");

/// The first line of every file of it.
const HEADER: &str = "// Made by `airlock build`; do not edit.\n";

/// Each world with what it exports. The names are the contract's where the contract has such a world.
const WORLDS: [(&str, &str, &[&str]); 4] = [
    ("app", "Answers the page.", &["portal"]),
    (
        "app-with-lifecycle",
        "Answers the page, and is told of installs and their end.",
        &["portal", "lifecycle"],
    ),
    (
        "app-with-background",
        "Answers the page, and works in the background.",
        &["portal", "background"],
    ),
    (
        "custom-app",
        "Everything.",
        &["portal", "lifecycle", "background"],
    ),
];

/// One file of a folder of WIT packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitFile {
    /// Where, below that folder.
    pub path: &'static str,
    /// Its text.
    pub text: String,
}

/// The folder of WIT packages for an app that asks for these scopes: its worlds, and the contract that they are made of.
pub fn files(requested: &BTreeSet<Permission>) -> [WitFile; 2] {
    [
        WitFile {
            path: "world.wit",
            text: worlds(requested),
        },
        WitFile {
            path: "deps/blnk-app/app.wit",
            text: format!("{HEADER}{CONTRACT}"),
        },
    ]
}

fn worlds(requested: &BTreeSet<Permission>) -> String {
    let mut text = format!(
        "{HEADER}// The contract as far as [permissions] in app.toml asks for it; its words stand in deps/.\n\
         package airlock:app;\n\n\
         /// All that this app may import.\nworld imports {{\n"
    );
    for interface in usable(requested) {
        text.push_str(&line("import", interface));
    }
    text.push_str("}\n");
    for (name, purpose, exports) in WORLDS {
        let exports: String = exports.iter().map(|name| line("export", name)).collect();
        text += "\n";
        text += &world(name, purpose, &exports);
    }
    text
}

fn world(name: &str, purpose: &str, exports: &str) -> String {
    format!("/// {purpose}\nworld {name} {{\n  include imports;\n{exports}}}\n")
}

fn line(verb: &str, interface: &str) -> String {
    format!("  {verb} {PACKAGE}/{interface}@{VERSION};\n")
}

#[cfg(test)]
mod tests {
    use wit_parser::{InterfaceId, PackageId, Resolve, WorldItem};

    use super::*;

    /// What a world imports and exports.
    #[derive(Debug, PartialEq, Eq)]
    struct Sides {
        imports: BTreeSet<String>,
        exports: BTreeSet<String>,
    }

    /// The sides of a world by the names of its interfaces, as the tools see them. Interfaces that only hold types are
    /// left out: they come along with what uses them.
    fn sides(resolve: &Resolve, package: PackageId, world: &str) -> Sides {
        let world = resolve.select_world(&[package], Some(world)).unwrap();
        let world = &resolve.worlds[world];
        let named = |items: &mut dyn Iterator<Item = &WorldItem>| {
            let interfaces = items.map(|item| match item {
                WorldItem::Interface { id, .. } => *id,
                other => panic!("{other:?} is no interface"),
            });
            let has_functions = |id: &InterfaceId| !resolve.interfaces[*id].functions.is_empty();
            let names = interfaces
                .filter(has_functions)
                .map(|id| resolve.id_of(id).unwrap());
            names.collect()
        };
        Sides {
            imports: named(&mut world.imports.values()),
            exports: named(&mut world.exports.values()),
        }
    }

    /// The folder of an app that asks for these scopes, read as the tools read it.
    fn read(requested: &BTreeSet<Permission>) -> (Resolve, PackageId) {
        let folder = tempfile::tempdir().unwrap();
        for file in files(requested) {
            let path = folder.path().join(file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file.text).unwrap();
        }
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(folder.path()).unwrap();
        (resolve, package)
    }

    fn whole(interfaces: &[&str]) -> BTreeSet<String> {
        let named = interfaces
            .iter()
            .map(|name| format!("blnk:app/{name}@0.1.0"));
        named.collect()
    }

    /// Every set of scopes.
    fn subsets() -> impl Iterator<Item = BTreeSet<Permission>> {
        (0..1_usize << Permission::ALL.len()).map(|bits| {
            let scopes = Permission::ALL.into_iter().enumerate();
            let chosen = scopes.filter(|(index, _)| bits & (1 << index) != 0);
            chosen.map(|(_, scope)| scope).collect()
        })
    }

    #[test]
    fn for_every_set_of_scopes_the_world_imports_what_they_open_and_what_is_free() {
        let mut seen = 0;
        for requested in subsets() {
            let mut expected = whole(&["context", "store", "connections", "jobs", "log"]);
            for scope in &requested {
                expected.extend(whole(match scope {
                    Permission::DataRead => &["data"],
                    Permission::DataWrite => &["ledger"],
                    Permission::AlertsRead => &["alerts"],
                    Permission::AlertsWrite => &["alert-actions"],
                }));
            }
            let (resolve, package) = read(&requested);
            for (world, exports) in [
                ("app", &["portal"][..]),
                ("app-with-lifecycle", &["portal", "lifecycle"]),
                ("app-with-background", &["portal", "background"]),
                ("custom-app", &["portal", "lifecycle", "background"]),
            ] {
                let sides = sides(&resolve, package, world);
                assert_eq!(sides.imports, expected, "{world} for {requested:?}");
                assert_eq!(sides.exports, whole(exports), "{world} for {requested:?}");
                seen += 1;
            }
        }
        assert_eq!(seen, 16 * 4);
    }

    #[test]
    fn with_every_scope_the_worlds_are_the_contracts_own() {
        let (resolve, package) = read(&Permission::ALL.into_iter().collect());
        let mut contract = Resolve::default();
        let original = contract.push_str("app.wit", CONTRACT).unwrap();
        for world in ["imports", "app", "custom-app"] {
            assert_eq!(
                sides(&resolve, package, world),
                sides(&contract, original, world),
                "{world}"
            );
        }
    }

    #[test]
    fn the_contract_is_one_file_and_all_of_it_is_handed_out() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        let names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        assert_eq!(
            names,
            ["app.wit"],
            "a file more of the contract belongs into files()"
        );
        let [_, contract] = files(&BTreeSet::new());
        assert_eq!(contract.text, format!("{HEADER}{CONTRACT}"));
    }

    #[test]
    fn a_world_says_that_it_is_made_and_reads_as_one_would_write_it() {
        let [world, _] = files(&[Permission::DataRead].into());
        let expected = "// Made by `airlock build`; do not edit.\n\
            // The contract as far as [permissions] in app.toml asks for it; its words stand in deps/.\n\
            package airlock:app;\n\n\
            /// All that this app may import.\n\
            world imports {\n  \
              import blnk:app/context@0.1.0;\n  \
              import blnk:app/data@0.1.0;\n  \
              import blnk:app/store@0.1.0;\n  \
              import blnk:app/connections@0.1.0;\n  \
              import blnk:app/jobs@0.1.0;\n  \
              import blnk:app/log@0.1.0;\n\
            }\n\n\
            /// Answers the page.\n\
            world app {\n  \
              include imports;\n  \
              export blnk:app/portal@0.1.0;\n\
            }\n";
        assert!(world.text.starts_with(expected), "{}", world.text);
    }
}
