//! Random requests to a running host, made from its `OpenAPI` document by schemathesis, a program in Python that goes into an
//! ignored folder.

use std::path::{Path, PathBuf};

use crate::step::{program, root, run};

/// What is installed; its version stands there.
const REQUIREMENTS: &str = "tests/schemathesis/requirements.txt";
/// Cases of the ordinary run.
const FEW: u32 = 400;
/// Cases of the long run.
const MANY: u32 = 10_000;

/// A few hundred cases, the same each time: under a minute.
pub(crate) fn short() -> anyhow::Result<()> {
    cases(FEW, &["--seed", "1"])
}

/// Ten thousand cases, others each time; the seed is printed.
pub(crate) fn long() -> anyhow::Result<()> {
    cases(MANY, &[])
}

/// The program `airlock` must be built.
fn cases(number: u32, more: &[&str]) -> anyhow::Result<()> {
    let python = environment()?;
    let mut command = program(&python.to_string_lossy(), &["tests/schemathesis/run.py"]);
    command
        .args(["--airlock", "target/debug/airlock"])
        .args(["--folder", "target/schemathesis/place"])
        .args(["--cases", &number.to_string()])
        .args(more);
    run(&format!("{number} random requests"), command)
}

/// A Python with schemathesis in `target`, made anew when another version is asked for.
fn environment() -> anyhow::Result<PathBuf> {
    let folder = root().join("target/schemathesis/python");
    let python = folder.join("bin/python");
    let installed = folder.join("installed.txt");
    let wanted = std::fs::read_to_string(root().join(REQUIREMENTS))?;
    if std::fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    make(&folder, &python)?;
    std::fs::write(installed, wanted)?;
    Ok(python)
}

fn make(folder: &Path, python: &Path) -> anyhow::Result<()> {
    let folder = folder.to_string_lossy();
    let arguments = ["-m", "venv", "--clear", &folder];
    run(
        "making a place for schemathesis",
        program("python3", &arguments),
    )?;
    let arguments = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--requirement",
        REQUIREMENTS,
    ];
    run(
        "installing schemathesis",
        program(&python.to_string_lossy(), &arguments),
    )
}
