//! What the tests need and a fresh machine may lack. Each is installed where that is possible without asking, else one
//! sentence says what to install; nothing is skipped in silence.

use std::process::Command;

use anyhow::{bail, ensure};

use crate::step::{is_there, program, root, run};

const TARGET: &str = "wasm32-wasip2";
/// The one version of cargo-deny that the checks are run with.
const CARGO_DENY: &str = "0.20.2";

/// Everything that the tests need.
pub(crate) fn for_tests() -> anyhow::Result<()> {
    wasm_target()?;
    debian_tool("node", &["nodejs"], "Node.js 20 or newer")?;
    node_version()?;
    debian_tool("npm", &["npm"], "npm")?;
    debian_tool("chromium", &["chromium"], "Chromium")?;
    postgres()?;
    debian_tool("strace", &["strace"], "strace")?;
    python()?;
    let mut npm = program("npm", &["ci", "--no-audit", "--no-fund"]);
    npm.current_dir(root().join("tests/browser"));
    run("installing the browser tests' one library", npm)
}

/// The browser tests use node's own runner as it is from version 20 on.
fn node_version() -> anyhow::Result<()> {
    let output = Command::new("node").arg("--version").output()?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    ensure!(
        major.is_some_and(|major| major >= 20),
        "the tests need Node.js 20 or newer, and `node` is {version}; try: install a newer one from nodejs.org"
    );
    Ok(())
}

/// The WebAssembly target of the compiler.
pub(crate) fn wasm_target() -> anyhow::Result<()> {
    if !is_there("rustup") {
        eprintln!("rustup is not here: the compiler is taken as it is, and must know {TARGET}");
        return Ok(());
    }
    run(
        "adding the WebAssembly target",
        program("rustup", &["target", "add", TARGET]),
    )
}

/// cargo-deny, built from source where it is missing: some minutes, once.
pub(crate) fn cargo_deny() -> anyhow::Result<()> {
    if is_there("cargo-deny") {
        return Ok(());
    }
    let arguments = ["install", "cargo-deny", "--locked", "--version", CARGO_DENY];
    run(
        "building cargo-deny (once, some minutes)",
        program("cargo", &arguments),
    )
}

/// Python, with what makes a place for its packages: Debian keeps that apart.
fn python() -> anyhow::Result<()> {
    let there = Command::new("python3")
        .args(["-c", "import ensurepip, venv"])
        .output();
    if there.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    install(
        "python3",
        &["python3", "python3-venv"],
        "Python 3.10 or newer",
    )
}

/// The server's programs. Debian keeps them out of the path, in a folder for each version; the tests look there too.
fn postgres() -> anyhow::Result<()> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut folders = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin/initdb")));
    if folders.any(|initdb| initdb.exists()) || is_there("initdb") {
        return Ok(());
    }
    install("initdb", &["postgresql"], "a PostgreSQL server")
}

fn debian_tool(name: &str, packages: &[&str], title: &str) -> anyhow::Result<()> {
    if is_there(name) {
        return Ok(());
    }
    install(name, packages, title)
}

/// Installs packages of Debian, or says what to install.
fn install(name: &str, packages: &[&str], title: &str) -> anyhow::Result<()> {
    if !(is_root() && is_there("apt-get")) {
        bail!(
            "the tests need {title} as `{name}`; try: install it, on Debian by `apt-get install {}`",
            packages.join(" ")
        );
    }
    run(
        "reading the lists of packages",
        program("apt-get", &["update", "-q"]),
    )?;
    let mut install = program(
        "apt-get",
        &["install", "-y", "-q", "--no-install-recommends"],
    );
    install
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive");
    run(&format!("installing {title}"), install)
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
