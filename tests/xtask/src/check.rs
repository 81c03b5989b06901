//! `cargo xtask check`.

use crate::setup;
use crate::step::{self, program};

/// Formatting, lints, documentation, dependencies.
pub(crate) fn run() -> anyhow::Result<()> {
    step::run("formatting", program("cargo", &["fmt", "--all", "--check"]))?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    step::run("lints", program("cargo", &clippy))?;
    let mut doc = program(
        "cargo",
        &[
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ],
    );
    doc.env("RUSTDOCFLAGS", "-D warnings");
    step::run("documentation", doc)?;
    setup::cargo_deny()?;
    step::run(
        "dependencies",
        program("cargo", &["deny", "check", "bans", "licenses", "sources"]),
    )?;
    advisories()
}

/// The list of advisories is fetched from the network. Where that can't be reached the check says so and goes on: it
/// can't tell anything then, and the rest still can.
fn advisories() -> anyhow::Result<()> {
    let fetched = program("cargo", &["deny", "fetch", "db"])
        .status()
        .is_ok_and(|status| status.success());
    if !fetched {
        eprintln!("── advisories: NOT CHECKED, the list of advisories can't be reached from here");
        return Ok(());
    }
    step::run(
        "advisories",
        program("cargo", &["deny", "check", "advisories"]),
    )
}
