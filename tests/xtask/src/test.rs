//! `cargo xtask test` and `cargo xtask guests`.

use crate::setup;
use crate::step::{self, program};

/// Sets up, builds, runs every test.
pub(crate) fn run() -> anyhow::Result<()> {
    setup::for_tests()?;
    // The programs too: the tests start the real binary. The first build compiles the sandbox, which takes minutes.
    step::run("building the workspace", program("cargo", &["build", "--workspace", "--all-targets"]))?;
    step::run("Rust tests", program("cargo", &["test", "--workspace", "--all-targets"]))?;
    step::run("examples in the documentation", program("cargo", &["test", "--workspace", "--doc"]))?;
    step::run("browser tests", program("node", &["--test", "--test-concurrency=1", "tests/browser/"]))
}

/// Builds the sample apps into `plugins/`.
pub(crate) fn guests() -> anyhow::Result<()> {
    setup::wasm_target()?;
    step::run("building the sample apps", program("cargo", &["run", "--quiet", "--", "build"]))
}
