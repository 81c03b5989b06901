//! `cargo xtask …`: the project's own commands, thin wrappers over cargo and node.
//!
//! `test` sets up what it needs and runs every test; `check` runs the lints; `ci` is both, as the server runs it;
//! `bench` measures.

mod bench;
mod check;
mod fuzz;
mod long;
mod schemathesis;
mod setup;
mod step;
mod test;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set up what is needed, then run every test: Rust, guests, browser
    Test {
        /// Then what takes hours: every test at its full length, with its figures
        #[arg(long)]
        long: bool,
    },
    /// Measure one thing; without a name, list what can be measured
    Bench {
        /// Which bench
        name: Option<String>,
        /// What the bench itself is told, such as `--seconds 10`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Format, lint, and look at the dependencies
    Check,
    /// Build the sample apps into plugins/
    Guests,
    /// Everything, as the server runs it
    Ci,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Test { long } => {
            test::run()?;
            if long { long::run() } else { Ok(()) }
        }
        Command::Bench { name, words } => bench::run(name.as_deref(), &words),
        Command::Check => check::run(),
        Command::Guests => test::guests(),
        Command::Ci => {
            check::run()?;
            test::run()
        }
    }
}
