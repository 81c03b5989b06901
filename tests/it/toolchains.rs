//! Apps whose toolchain is not here: `build` says what to install, and `dev` goes on without them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::timeout;

use crate::support::place::{command, dev_port};

/// A guard against hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// An app in a language, by the file that speaks of its tool.
fn app(folder: &Path, slug: &str, file: &str, build: &str) -> PathBuf {
    let app = folder.join(slug);
    fs::create_dir(&app).unwrap();
    fs::write(app.join(file), "").unwrap();
    let manifest = format!(
        "name = \"A\"\nversion = \"1.0.0\"\n[build]\ncommand = \"{build}\"\noutput = \"app.wasm\"\n"
    );
    fs::write(app.join("app.toml"), manifest).unwrap();
    app
}

/// A machine with a shell and nothing else.
fn bare(folder: &Path) -> Command {
    let programs = folder.join("programs");
    if !programs.is_dir() {
        fs::create_dir(&programs).unwrap();
        std::os::unix::fs::symlink("/bin/sh", programs.join("sh")).unwrap();
    }
    let mut command = command(folder);
    command.env("PATH", programs);
    command
}

#[test]
fn a_build_without_its_toolchain_says_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    for (slug, file, build, wanted) in [
        (
            "script",
            "package.json",
            "node build.mjs",
            "try: install Node.js 20 or newer",
        ),
        (
            "snake",
            "requirements.txt",
            "python3 -m venv .venv",
            "try: install Python 3.10 or newer with its venv module",
        ),
        ("oxide", "Cargo.toml", "cargo build", "try: install Rust"),
    ] {
        let app = app(folder.path(), slug, file, build);
        let output = bare(folder.path()).arg("build").arg(&app).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(wanted) && error.contains(file), "{error}");
        // The world was there for the command nevertheless.
        assert!(app.join("target/wit/world.wit").is_file());
    }
}

#[test]
fn a_build_that_fails_for_another_reason_is_given_no_such_advice() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path(), "plain", "README.md", "exit 3");
    let output = bare(folder.path()).arg("build").arg(&app).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("exit status: 3") && error.contains("its own words stand above"),
        "{error}"
    );
    assert!(!error.contains("install"), "{error}");
}

#[tokio::test]
async fn dev_leaves_an_app_out_whose_toolchain_is_not_here_and_its_banner_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let script = app(folder.path(), "script", "package.json", "node build.mjs");
    let mut dev = bare(folder.path());
    dev.args(["dev", "--port", &dev_port().to_string(), "--app"])
        .arg(&script)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut dev = tokio::process::Command::from(dev)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(dev.stdout.take().unwrap()).lines();
    let mut seen = String::new();
    let whole_banner = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            seen.push_str(&line);
            seen.push('\n');
            if line.contains("Ctrl-C stops") {
                break;
            }
        }
    };
    timeout(PATIENCE, whole_banner).await.expect("a banner");
    assert!(seen.contains("Airlock is ready"), "{seen}");
    let mut lines = seen.lines();
    let left_out = lines.find(|line| line.trim_start().starts_with("Left out"));
    let left_out = left_out.unwrap_or_else(|| panic!("nothing was left out: {seen}"));
    assert!(
        left_out.contains("try: install Node.js 20 or newer"),
        "{left_out}"
    );
}
