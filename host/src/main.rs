//! `airlock`: parse the arguments, do it, tell how it went.

use std::process::ExitCode;

fn main() -> ExitCode {
    airlock_host::cli::run(std::env::args_os())
}
