//! `cargo xtask bench [NAME [WORDS…]]`.

use std::fs;

use anyhow::{Context as _, bail};

use crate::step::{self, program};

/// A bench and what it says of itself.
struct Bench {
    name: String,
    sentence: String,
}

/// Runs a bench; without a name lists them.
#[expect(clippy::print_stdout, reason = "a list that was asked for")]
pub(crate) fn run(name: Option<&str>, words: &[String]) -> anyhow::Result<()> {
    let benches = benches()?;
    let Some(name) = name else {
        for bench in &benches {
            println!("{:<12} {}", bench.name, bench.sentence);
        }
        return Ok(());
    };
    if !benches.iter().any(|bench| bench.name == name) {
        let names: Vec<&str> = benches.iter().map(|bench| bench.name.as_str()).collect();
        bail!(
            "there is no bench {name:?}; try: one of {}",
            names.join(", ")
        );
    }
    // The program too, since some benches start it; named together, so that both are built with the same features.
    let both = ["-p", "airlock-host", "-p", "airlock-tests"];
    let mut build = program("cargo", &["build", "--profile", "bench"]);
    build.args(both).args(["--bin", "airlock", "--bench", name]);
    step::run("building the program and the bench", build)?;
    let mut bench = program("cargo", &["bench", "--quiet"]);
    bench.args(both).args(["--bench", name, "--"]).args(words);
    step::run(&format!("bench {name}"), bench)
}

/// Every file of `tests/benches` that can be run, with its first line of documentation.
fn benches() -> anyhow::Result<Vec<Bench>> {
    let folder = step::root().join("tests/benches");
    let mut benches = Vec::new();
    for entry in fs::read_dir(&folder).context("listing the benches")? {
        let path = entry.context("listing the benches")?.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
            continue;
        };
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("reading {name}.rs"))?;
        let Some(sentence) = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("//! "))
        else {
            bail!("tests/benches/{name}.rs does not say in its first line what it measures");
        };
        if text.contains("fn main()") {
            benches.push(Bench {
                name: name.to_owned(),
                sentence: sentence.to_owned(),
            });
        }
    }
    benches.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(benches)
}
