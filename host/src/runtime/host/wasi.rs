//! The part of WASI that standard libraries need: clocks, random numbers, streams, and a command line with nothing on
//! it. No files, no sockets, no HTTP: those interfaces are not linked, and a component that imports them is refused
//! when it is loaded.

use std::time::{Duration, Instant};

use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock, WasiClocks, WasiClocksView as _};
use wasmtime_wasi::p2::bindings::{cli, clocks, random};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView as _};
use wasmtime_wasi::{WasiCtx, p2};

use super::{CallState, MAX_RANDOM_BYTES};
use crate::model::UnixMillis;
use crate::runtime::guest_log::GuestOutput;

/// The interfaces that [`add_to_linker`] links, in any patch of version 0.2.
pub(crate) const INTERFACES: [&str; 18] = [
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
];

/// One millisecond: finer clocks would measure what other calls do.
const GRAIN: Duration = Duration::from_millis(1);

/// The wall clock of a call, which stands still.
pub(super) struct FrozenClock(Duration);

impl FrozenClock {
    pub(super) fn new(now: UnixMillis) -> Self {
        Self(Duration::from_millis(now.unsigned()))
    }
}

impl HostWallClock for FrozenClock {
    fn resolution(&self) -> Duration {
        GRAIN
    }

    fn now(&self) -> Duration {
        self.0
    }
}

/// Whole milliseconds since the call began.
#[derive(Clone, Copy)]
pub(super) struct CoarseClock(Instant);

impl CoarseClock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }
}

impl HostMonotonicClock for CoarseClock {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        let millis = u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX);
        millis.saturating_mul(1_000_000)
    }
}

/// WASI of one call, made when the guest first asks for it: standard libraries import it, and most calls never do.
pub(super) struct CallWasi {
    stdout: GuestOutput,
    stderr: GuestOutput,
    now: UnixMillis,
    begun: CoarseClock,
    made: Option<WasiCtx>,
}

impl CallWasi {
    /// With a clock on the wall that shows `now`, and another that begins here.
    pub(super) fn new(stdout: GuestOutput, stderr: GuestOutput, now: UnixMillis) -> Self {
        Self {
            stdout,
            stderr,
            now,
            begun: CoarseClock::start(),
            made: None,
        }
    }

    pub(super) fn get(&mut self) -> &mut WasiCtx {
        self.made.get_or_insert_with(|| {
            WasiCtx::builder()
                .stdout(self.stdout.clone())
                .stderr(self.stderr.clone())
                .max_random_size(MAX_RANDOM_BYTES)
                .wall_clock(FrozenClock::new(self.now))
                .monotonic_clock(self.begun)
                // The interfaces are not linked; refused here too.
                .allow_tcp(false)
                .allow_udp(false)
                .allow_ip_name_lookup(false)
                .build()
        })
    }
}

struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

/// Links interface by interface, so that what is not named here does not exist.
pub(super) fn add_to_linker(l: &mut Linker<CallState>) -> wasmtime::Result<()> {
    p2::bindings::io::error::add_to_linker::<_, Io>(l, CallState::table)?;
    p2::bindings::io::poll::add_to_linker::<_, Io>(l, CallState::table)?;
    p2::bindings::io::streams::add_to_linker::<_, Io>(l, CallState::table)?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, CallState::clocks)?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, CallState::clocks)?;
    random::random::add_to_linker::<_, WasiRandom>(l, CallState::random)?;
    random::insecure::add_to_linker::<_, WasiRandom>(l, CallState::random)?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(l, CallState::random)?;
    cli::environment::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, CallState::cli)?;
    Ok(())
}
