//! The fuzz targets of `tests/fuzz`, each for a minute. They are built by the nightly compiler with its instruments; the
//! ordinary tests replay their seeds on the compiler that everything else is built by.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};

use crate::step::{self, program};

/// Every target. A test of the host holds its own list against the folder.
const TARGETS: [&str; 5] = ["cloud_path", "event", "guest_headers", "sealed", "token"];
/// How long each runs, in seconds.
const SECONDS: u32 = 60;
/// The one version of cargo-fuzz that they are run with.
const CARGO_FUZZ: &str = "0.13.1";

/// Builds and runs every target. Without a sanitizer: the code has no `unsafe`, and what is looked for are panics.
pub(crate) fn run() -> anyhow::Result<()> {
    tools()?;
    let mut build = cargo_fuzz(&["build"]);
    build.args(["--fuzz-dir", "tests/fuzz", "--sanitizer", "none"]);
    step::run("building the fuzz targets", build)?;
    for target in TARGETS {
        // What is found goes below `target`; the seeds in the tree are read and not added to.
        let corpus = work().join("corpus").join(target);
        std::fs::create_dir_all(&corpus)
            .with_context(|| format!("making the folder {}", corpus.display()))?;
        let mut fuzz = cargo_fuzz(&["run"]);
        fuzz.args(["--fuzz-dir", "tests/fuzz", "--sanitizer", "none", target])
            .arg(corpus)
            .arg(format!("tests/fuzz/seeds/{target}"))
            .arg("--")
            .arg(format!("-max_total_time={SECONDS}"))
            .args(["-timeout=10", "-max_len=4096", "-print_final_stats=1"]);
        step::run(&format!("fuzzing {target} for {SECONDS} s"), fuzz)?;
    }
    Ok(())
}

/// Where it is built, and where the inputs are kept that are found.
fn work() -> PathBuf {
    step::root().join("target/fuzz")
}

fn cargo_fuzz(arguments: &[&str]) -> std::process::Command {
    let mut command = program("cargo", &["+nightly", "fuzz"]);
    command.args(arguments).env("CARGO_TARGET_DIR", work());
    command
}

/// The nightly compiler and cargo-fuzz, built from source where it is missing: some minutes, once.
fn tools() -> anyhow::Result<()> {
    let nightly = program("rustup", &["run", "nightly", "rustc", "--version"]).output();
    if !nightly.is_ok_and(|output| output.status.success()) {
        ensure!(
            step::is_there("rustup"),
            "fuzzing needs the nightly compiler, and rustup is not here; try: install it from rustup.rs"
        );
        let arguments = ["toolchain", "install", "nightly", "--profile", "minimal"];
        step::run("adding the nightly compiler", program("rustup", &arguments))?;
    }
    let there = program("cargo", &["fuzz", "--version"]).output();
    if there.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    let arguments = ["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ];
    step::run(
        "building cargo-fuzz (once, some minutes)",
        program("cargo", &arguments),
    )
}
