//! Where the programs of `PostgreSQL` are, and as whom they run.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder that holds `initdb`, of the newest version that is here.
pub(crate) fn folder() -> PathBuf {
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let debian = debian.filter_map(|entry| {
        let entry = entry.ok()?;
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((version, entry.path().join("bin")))
    });
    let newest = debian
        .filter(|(_, folder)| has_initdb(folder))
        .max_by_key(|(version, _)| *version);
    let found = newest.map(|(_, folder)| folder).or_else(elsewhere);
    found.unwrap_or_else(|| {
        panic!(
            "the tests need a PostgreSQL server and there is no `initdb` here; \
             try: cargo xtask test, or apt-get install postgresql"
        )
    })
}

/// What `pg_config` says, on systems that lay their programs elsewhere.
fn elsewhere() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    has_initdb(&folder).then_some(folder)
}

fn has_initdb(folder: &Path) -> bool {
    folder.join("initdb").exists()
}

/// Whom the server runs as: it refuses to be root's, so root hands it to the system's `postgres`, or to `nobody`.
#[derive(Debug, Clone)]
pub(crate) enum User {
    /// Whoever runs the tests.
    Same,
    /// Another one, by name.
    Other(&'static str),
}

impl User {
    pub(crate) fn choose() -> Self {
        if number(&[]) != Some(0) {
            return Self::Same;
        }
        let known = |name: &&str| number(&[name]).is_some();
        let name = ["postgres", "nobody"].into_iter().find(known);
        Self::Other(name.expect("root needs a user `postgres` or `nobody` to run PostgreSQL as"))
    }

    /// A command that runs as this user, in a folder that every user may enter.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = match self {
            Self::Same => Command::new(program),
            Self::Other(name) => {
                let mut command = Command::new("setpriv");
                command
                    .arg(format!("--reuid={name}"))
                    .arg(format!("--regid={}", group(name)))
                    .args(["--clear-groups", "--"])
                    .arg(program);
                command
            }
        };
        command.current_dir("/").env("LC_ALL", "C");
        command
    }

    /// Gives a folder to this user.
    pub(crate) fn own(&self, folder: &Path) {
        let Self::Other(name) = self else { return };
        let mut command = Command::new("chown");
        let done = command.arg(name).arg(folder).status();
        assert!(done.is_ok_and(|status| status.success()), "chown {name}");
    }
}

fn number(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").arg("-u").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn group(name: &str) -> String {
    let output = Command::new("id").args(["-g", name]).output();
    let output = output.expect("`id` tells a user's group");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
