//! `airlock compile-component`: what the host starts for each component that it compiles. It is no command for people, and
//! `--help` does not show it.
//!
//! The component comes on standard input, the code goes to standard output. Exit code 0: the code is there. 3: the component
//! is refused, with a sentence for its author on standard error. Anything else: this program, or one of its limits.

use std::ffi::OsString;
use std::io::{Write as _, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::Parser;

use super::output;
use crate::runtime::{COMPILE_COMMAND, CompileOrder, Compiled, REFUSED, compile_component};

/// Whether this command line is the host's own wish.
pub(super) fn is_asked(arguments: &[OsString]) -> bool {
    arguments
        .get(1)
        .is_some_and(|command| command == COMPILE_COMMAND)
}

/// Compiles one component for the host that started this program
#[derive(Debug, Parser)]
#[command(name = COMPILE_COMMAND)]
struct CompileArgs {
    /// The settings of the engine that the code is for
    #[arg(long, value_name = "HASH")]
    settings: String,
    /// Memory that the component may begin with
    #[arg(long, value_name = "BYTES")]
    memory_bytes: u64,
}

/// Compiles one component. There must be no other thread yet.
pub(super) fn run(arguments: Vec<OsString>) -> ExitCode {
    let args = match CompileArgs::try_parse_from(arguments.into_iter().skip(1)) {
        Ok(args) => args,
        Err(error) => return super::refused(&error),
    };
    let order = CompileOrder {
        settings: args.settings,
        memory_bytes: args.memory_bytes,
    };
    match compile_component(&order, stdin().lock(), stdout().lock()) {
        Ok(Compiled::Written) => ExitCode::SUCCESS,
        Ok(Compiled::Refused(reason)) => {
            // Without a reader the exit code still says it.
            let _ = stderr().write_all(reason.as_bytes());
            ExitCode::from(REFUSED)
        }
        Err(error) => {
            output::failure(&error);
            ExitCode::FAILURE
        }
    }
}
