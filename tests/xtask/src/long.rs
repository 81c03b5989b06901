//! `cargo xtask test --long`: what takes hours, after every ordinary test.
//!
//! To add a step: a function here or in a file of its own, and a line in [`STEPS`]. A test in Rust that has a long form
//! needs no line: it looks for `AIRLOCK_TEST_LONG=1`, which the first step sets, and prints its figures.

use std::time::Instant;

use anyhow::bail;

use crate::step::{self, program};
use crate::{fuzz, schemathesis};

/// A step and what it is called.
struct LongStep {
    title: &'static str,
    run: fn() -> anyhow::Result<()>,
}

/// In the order in which they run.
const STEPS: &[LongStep] = &[
    LongStep {
        title: "Rust tests at their full length",
        run: rust_tests,
    },
    LongStep {
        title: "random requests",
        run: schemathesis::long,
    },
    LongStep {
        title: "fuzzing",
        run: fuzz::run,
    },
];

/// Runs every step, whatever became of the one before, and fails in the end if any did.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut failed = Vec::new();
    for LongStep { title, run } in STEPS {
        let begun = Instant::now();
        let outcome = run();
        let minutes = begun.elapsed().as_secs_f32() / 60.0;
        match outcome {
            Ok(()) => eprintln!("── long: {title}: passed after {minutes:.1} min"),
            Err(error) => {
                eprintln!("── long: {title}: FAILED after {minutes:.1} min: {error:#}");
                failed.push(*title);
            }
        }
    }
    if !failed.is_empty() {
        bail!(
            "{} of {} long steps failed: {}",
            failed.len(),
            STEPS.len(),
            failed.join(", ")
        );
    }
    Ok(())
}

/// One test at a time, so that the long ones measure themselves and not each other. What they print is shown.
fn rust_tests() -> anyhow::Result<()> {
    let arguments = ["test", "--workspace", "--tests", "--no-fail-fast", "--"];
    let mut tests = program("cargo", &arguments);
    tests
        .args(["--show-output", "--test-threads=1"])
        .env("AIRLOCK_TEST_LONG", "1");
    step::run("Rust tests at their full length", tests)
}
