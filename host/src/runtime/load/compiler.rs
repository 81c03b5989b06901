//! Who compiles: a child process with limits of its own, or this process.
//!
//! A component can be made so that compiling it takes hours, or all memory. In production the program starts itself again
//! for each compilation, as a child that may use so much and no more (`child`), and that is ended when nobody waits for it
//! any more. The child is a wall against denial of service and not a trust wall: the host runs what it makes.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::code::{CompiledCode, EngineSettingsHash};
use super::scan::ScanLimits;
use crate::runtime::engine::Engine;
use crate::runtime::guest_log::escaped;
use crate::runtime::limits::MIB;
use crate::runtime::plugin::{LoadError, check_magic};

pub(crate) mod child;

use child::{CPU, MEMORY_BYTES};

/// The command of the program that the child runs. It is not shown to people.
pub const COMMAND: &str = "compile-component";
/// The child's exit code for a component that is refused, with the reason on standard error.
pub(crate) const REFUSED: u8 = 3;
/// Time on the clock for one compilation. On a busy machine the child's CPU time takes its time.
const WALL: Duration = Duration::from_mins(2);
/// Largest compiled code: a component of the largest size that is allowed makes about three times its bytes.
const MAX_CODE_BYTES: u64 = 256 * MIB as u64;
/// Of what the child says to standard error.
const MAX_REASON_BYTES: u64 = 16 * 1024;
/// Longest sentence of the child's that is passed on, in bytes.
const MAX_QUOTE: usize = 900;
/// Threads of the child. More would make it quicker, and each reserves addresses.
const MAX_THREADS: usize = 4;

/// What the child's allocator reserves at once, in KiB.
const ARENA_KIB: &str = "32768";

/// Who compiles components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compiler {
    /// This process. A component that is made to be hard to compile harms it: for tests of what is around.
    InProcess,
    /// A child process for each component: the program at this path, which must be Airlock of this very build.
    Child(PathBuf),
}

impl Compiler {
    /// A child of the program that runs now.
    pub fn this_program() -> std::io::Result<Self> {
        // The link leads to the file that was started, also after another was put into its place.
        #[cfg(target_os = "linux")]
        let program = PathBuf::from("/proc/self/exe");
        #[cfg(not(target_os = "linux"))]
        let program = std::env::current_exe()?;
        Ok(Self::Child(program))
    }

    /// Compiles a component for an engine. Dropping the future ends the child.
    pub(super) async fn compile(
        &self,
        engine: &Engine,
        component: Bytes,
        limits: ScanLimits,
    ) -> Result<CompiledCode, LoadError> {
        check_magic(&component)?;
        match self {
            Self::InProcess => {
                let engine = engine.clone();
                let compile = move || CompiledCode::compile(&engine, &component, limits);
                tokio::task::spawn_blocking(compile)
                    .await
                    .unwrap_or_else(|_| Err(LoadError::Compiler("it panicked".to_owned())))
            }
            Self::Child(program) => {
                let settings = EngineSettingsHash::of(engine);
                in_child(program, settings, &component, limits)
                    .await
                    .map(CompiledCode::made_by_own_compiler)
            }
        }
    }
}

/// Starts the child, exchanges with it, and says what became of it.
async fn in_child(
    program: &Path,
    settings: EngineSettingsHash,
    component: &[u8],
    limits: ScanLimits,
) -> Result<Vec<u8>, LoadError> {
    let failed = |what: &str, error: std::io::Error| {
        LoadError::Compiler(format!("{what}: {error}; try: restart the host"))
    };
    let mut command = Command::new(program);
    // Of its own group: a Ctrl-C at a terminal is the host's to hear.
    command.arg0("airlock").process_group(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut child = command
        .arg(COMMAND)
        .args(["--settings", &settings.hex()])
        .args(["--memory-bytes", &limits.memory_bytes.to_string()])
        .env_clear()
        .env("RAYON_NUM_THREADS", threads.min(MAX_THREADS).to_string())
        // Addresses that the allocator reserves ahead are mapped, so they would come on top of the child's limit.
        .env("MIMALLOC_ARENA_RESERVE", ARENA_KIB)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed("it can't be started", error))?;
    let (input, output, reason) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut input), Some(output), Some(reason)) = (input, output, reason) else {
        return Err(LoadError::Compiler("it has no pipes".to_owned()));
    };
    let exchange = async {
        let give = async {
            // A child that ends early does not read on; how it ended says why.
            let _ = input.write_all(component).await;
            drop(input);
        };
        let ((), code, reason) = tokio::join!(
            give,
            read(output, MAX_CODE_BYTES),
            read(reason, MAX_REASON_BYTES)
        );
        let (code, reason) = (code?, reason?);
        std::io::Result::Ok((code, reason, child.wait().await?))
    };
    let (code, reason, status) = match tokio::time::timeout(WALL, exchange).await {
        Ok(result) => result.map_err(|error| failed("talking to it failed", error))?,
        Err(_) => {
            return Err(LoadError::Interrupted(format!(
                "it took longer than {} s; try: a smaller component, or again when the machine is less busy",
                WALL.as_secs()
            )));
        }
    };
    match status.code() {
        Some(0) if code.len() as u64 > MAX_CODE_BYTES => Err(LoadError::Compile(format!(
            "its code has more than {} MiB; try: leave out what the app does not use",
            MAX_CODE_BYTES / MIB as u64
        ))),
        Some(0) => Ok(code),
        _ => Err(judged(status, &String::from_utf8_lossy(&reason))),
    }
}

/// Reads to the end, keeping one byte more than `max` at most: a pipe that nobody reads would hold its writer up.
async fn read(mut pipe: impl AsyncRead + Unpin, max: u64) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    (&mut pipe).take(max + 1).read_to_end(&mut kept).await?;
    tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    Ok(kept)
}

/// How a child ended that made no code, as a sentence for the app's author.
fn judged(status: ExitStatus, said: &str) -> LoadError {
    let said = said.trim();
    if status.code() == Some(REFUSED.into()) {
        return LoadError::Refused(escaped(said, MAX_QUOTE));
    }
    if said.contains("overflowed its stack") {
        return LoadError::Compile(
            "it nests types or blocks too deep; try: a component that a current toolchain makes"
                .to_owned(),
        );
    }
    if said.contains("memory allocation of") || said.contains("annot allocate memory") {
        return LoadError::Compile(format!(
            "it needs more than the {} MiB of memory that a compilation may use; try: smaller functions",
            MEMORY_BYTES / MIB
        ));
    }
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        use rustix::process::Signal;
        return if signal == Signal::XCPU.as_raw() {
            LoadError::Compile(format!(
                "it took more than the {} s of processor time that a compilation may use; \
                 try: fewer or smaller functions",
                CPU.as_secs()
            ))
        } else if signal == Signal::KILL.as_raw() {
            LoadError::Interrupted(
                "it was killed, by the system or by hand; is the machine out of memory?".to_owned(),
            )
        } else {
            LoadError::Compile(format!(
                "the compiler ended by signal {signal}: {}",
                last_line(said)
            ))
        };
    }
    LoadError::Compiler(format!("{status}: {}", last_line(said)))
}

fn last_line(said: &str) -> String {
    let line = said.lines().last().unwrap_or("it said nothing");
    escaped(line, MAX_QUOTE)
}

#[cfg(test)]
mod tests;
