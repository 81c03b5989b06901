//! `airlock`: parse the arguments, do it, tell how it went.

use std::process::ExitCode;

/// A call is begun by one thread and ended by another, and what it holds goes with it: an allocator for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    airlock_host::cli::run(std::env::args_os())
}
