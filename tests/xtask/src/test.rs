//! `cargo xtask test` and `cargo xtask guests`.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};

use crate::step::{self, program};
use crate::{schemathesis, setup};

/// Sets up, builds, runs every test.
pub(crate) fn run() -> anyhow::Result<()> {
    setup::for_tests()?;
    // The programs too: the tests start the real binary. The first build compiles the sandbox, which takes minutes.
    step::run(
        "building the workspace",
        program("cargo", &["build", "--workspace", "--all-targets"]),
    )?;
    // Not `--all-targets`: that would run the benches too, unoptimized.
    step::run(
        "Rust tests",
        program("cargo", &["test", "--workspace", "--tests"]),
    )?;
    step::run(
        "examples in the documentation",
        program("cargo", &["test", "--workspace", "--doc"]),
    )?;
    schemathesis::short()?;
    let mut browser = program("node", &["--test", "--test-concurrency=1"]);
    browser.args(browser_tests()?);
    step::run("browser tests", browser)
}

/// The files of the browser tests, named one by one: what `node --test` makes of a folder differs between its versions.
fn browser_tests() -> anyhow::Result<Vec<PathBuf>> {
    let folder = step::root().join("tests/browser");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).context("listing the browser tests")? {
        let path = entry.context("listing the browser tests")?.path();
        if path.to_string_lossy().ends_with(".test.mjs") {
            files.push(path);
        }
    }
    ensure!(
        !files.is_empty(),
        "there is no browser test in {}",
        folder.display()
    );
    files.sort();
    Ok(files)
}

/// Builds the sample apps into `plugins/`.
pub(crate) fn guests() -> anyhow::Result<()> {
    setup::wasm_target()?;
    step::run(
        "building the sample apps",
        program("cargo", &["run", "--quiet", "--", "build"]),
    )
}
