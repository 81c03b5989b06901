//! House rules that lints can't see.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::packages::root;

/// The floors of the host, lowest first. Two on one line may not name each other.
const FLOORS: [&[&str]; 13] = [
    &["model"],
    &["config"],
    &["secret"],
    &["store"],
    &["install"],
    &["cloud"],
    &["runtime"],
    &["intake"],
    &["listener"],
    &["web", "admin"],
    &["app"],
    &["cli"],
    &["fuzzing"],
];

/// A file beyond this wants a seam.
const MOST_LINES: usize = 500;

/// What is built or fetched, and so not ours to keep tidy.
const NOT_OURS: [&str; 6] = [
    "target",
    "node_modules",
    ".git",
    ".airlock",
    "data",
    "output",
];

/// Every file of ours below a folder whose name ends so.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let (path, name) = (
            entry.path(),
            entry.file_name().to_string_lossy().into_owned(),
        );
        if path.is_dir() {
            if !NOT_OURS.contains(&name.as_str()) && !name.starts_with('.') {
                found.extend(files(&path, endings));
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// A file's code without its comments: documentation may speak of any floor.
fn code(path: &Path) -> String {
    let text = read(path);
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

fn rank(floor: &str) -> Option<usize> {
    FLOORS.iter().position(|names| names.contains(&floor))
}

/// The floors that code names as `crate::floor`, also inside `crate::{…}`.
fn named(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let (list, inside) = match rest.strip_prefix('{') {
            Some(group) => (group.split('}').next().unwrap_or_default(), true),
            None => (rest, false),
        };
        let words = list
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty());
        names.extend(
            words
                .take(if inside { usize::MAX } else { 1 })
                .map(str::to_owned),
        );
    }
    names.retain(|name| rank(name).is_some());
    names
}

#[test]
fn no_floor_names_a_higher_one() {
    let source = root().join("host/src");
    let mut wrong = Vec::new();
    let mut checked = 0;
    for path in files(&source, &[".rs"]) {
        let inner = path.strip_prefix(&source).unwrap();
        let first = inner
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy()
            .into_owned();
        let floor = first.trim_end_matches(".rs").to_owned();
        if matches!(floor.as_str(), "lib" | "main") {
            continue;
        }
        let own = rank(&floor).unwrap_or_else(|| panic!("{} is on no floor", shown(&path)));
        checked += 1;
        for name in named(&code(&path)) {
            let above =
                rank(&name).is_some_and(|other| other > own || (other == own && name != floor));
            if above {
                wrong.push(format!("{} names {name}", shown(&path)));
            }
        }
    }
    assert!(checked > 50, "only {checked} files were looked at");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn naming_a_floor_is_seen_in_every_spelling() {
    let names = |code: &str| named(code).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(names("use crate::web::Web;"), "web");
    assert_eq!(names("use crate::{store::Database, cli};"), "cli store");
    assert_eq!(
        names("let x = crate::runtime::load::app(crate::model::Slug);"),
        "model runtime"
    );
    assert_eq!(names("use super::web; use crate::helper;"), "");
}

#[test]
fn lib_lists_the_floors_and_no_others() {
    let lib = code(&root().join("host/src/lib.rs"));
    let listed = lib
        .split("pub mod ")
        .skip(1)
        .filter_map(|rest| rest.split(';').next());
    let listed: Vec<&str> = listed.collect();
    let ranks: Vec<_> = listed.iter().map(|floor| rank(floor)).collect();
    assert!(ranks.is_sorted() && !ranks.contains(&None), "{listed:?}");
    let floors: BTreeSet<&str> = FLOORS.iter().copied().flatten().copied().collect();
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), floors);
}

#[test]
fn every_module_says_what_it_is() {
    let mut silent = Vec::new();
    for folder in ["host/src", "host/cloud-sim/src", "guests", "tests"] {
        for path in files(&root().join(folder), &[".rs"]) {
            if !read(&path).starts_with("//!") {
                silent.push(shown(&path));
            }
        }
    }
    assert_eq!(
        silent,
        Vec::<String>::new(),
        "without a //! line at their beginning"
    );
}

#[test]
fn the_map_of_the_code_names_every_floor_and_nothing_that_is_gone() {
    let map = read(&root().join("ARCHITECTURE.md"));
    assert!(map.lines().count() < 200, "{} lines", map.lines().count());
    for floor in FLOORS.iter().copied().flatten() {
        assert!(
            map.contains(&format!("`{floor}`")) || map.contains(&format!("`{floor}::")),
            "{floor} is not named"
        );
    }
    let paths = map
        .split('`')
        .filter(|word| word.contains('/') && !word.contains([' ', '{', '<', '*', ':', '$']));
    let ours = ["host/", "guests/", "tests/", "wit/", "migrations/"];
    for path in paths.filter(|path| ours.iter().any(|folder| path.starts_with(folder))) {
        assert!(
            root().join(path).exists(),
            "{path} is named and does not exist"
        );
    }
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let mut long = Vec::new();
    for folder in ["host", "guests", "tests", "wit"] {
        for path in files(
            &root().join(folder),
            &[".rs", ".js", ".mjs", ".css", ".wit"],
        ) {
            let lines = read(&path).lines().count();
            if lines > MOST_LINES {
                long.push(format!("{}: {lines}", shown(&path)));
            }
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn the_simulated_cloud_and_the_host_share_nothing() {
    let manifest = read(&root().join("host/cloud-sim/Cargo.toml"));
    assert!(
        !manifest.contains("airlock-host"),
        "the simulation must not depend on the host"
    );
    let sim = files(&root().join("host/cloud-sim"), &[".rs"]);
    assert!(sim.len() > 20, "only {} files were looked at", sim.len());
    for path in sim {
        assert!(!code(&path).contains("airlock_host"), "{}", shown(&path));
    }
    // Of the host only the commands that start both may know the simulation.
    for path in files(&root().join("host/src"), &[".rs"]) {
        let commands = ["host/src/cli/dev", "host/src/cli/call"];
        let allowed = commands
            .iter()
            .any(|command| shown(&path).starts_with(command));
        assert!(
            allowed || !code(&path).contains("airlock_cloud_sim"),
            "{}",
            shown(&path)
        );
    }
}
