//! One step of a command: what it does, why, and how long it took.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};

/// The folder of the whole project.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .map_or_else(|| here.clone(), ToOwned::to_owned)
}

/// A program to be run in the project's folder.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root());
    command
}

/// Runs a program whose output goes to the terminal; its failure is the step's.
pub(crate) fn run(title: &str, mut command: Command) -> anyhow::Result<()> {
    eprintln!("\n── {title}");
    let begun = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("starting {}", command.get_program().display()))?;
    ensure!(
        status.success(),
        "{title}: {} ended with {status}",
        command.get_program().display()
    );
    eprintln!("── {title}: done in {:.0} s", begun.elapsed().as_secs_f32());
    Ok(())
}

/// Whether a program is there and answers `--version`.
pub(crate) fn is_there(name: &str) -> bool {
    Command::new(name)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}
