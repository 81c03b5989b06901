//! The child that compiles one component: from standard input to standard output, within limits that it sets itself first.
//!
//! It gets no secrets: an empty environment, no arguments but two numbers, no descriptors but its three pipes. What it
//! could do to others it gives up before it reads a byte: no files, no core dumps, a bounded time and a bounded memory.

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::super::code::{CompiledCode, EngineSettingsHash};
use super::super::scan::ScanLimits;
use crate::runtime::engine::Engine;
use crate::runtime::limits::MIB;
use crate::runtime::package::MAX_COMPONENT_BYTES;

/// CPU time of one compilation, of all threads together. A JavaScript or Python guest takes about 10 s.
pub(super) const CPU: Duration = Duration::from_secs(30);
/// Addresses of one compilation beyond what the process has mapped when its engine stands, in bytes.
pub(super) const MEMORY_BYTES: usize = 2048 * MIB;

/// What the child is asked to do, beside the component.
#[derive(Debug, Clone)]
pub struct CompileOrder {
    /// The settings of the engine that the code is for, as hex: the child refuses where its own are others.
    pub settings: String,
    /// Memory that the component may begin with, in bytes.
    pub memory_bytes: u64,
}

/// How it went.
pub enum Compiled {
    /// The code is written.
    Written,
    /// The component is refused; the sentence is for its author.
    Refused(String),
}

/// Gives up what a compilation does not need, then compiles what it reads.
pub fn compile_component(
    order: &CompileOrder,
    input: impl Read,
    mut output: impl Write,
) -> anyhow::Result<Compiled> {
    limits::close_inherited()?;
    limits::set_first()?;
    let engine = Engine::for_compiling()?;
    ensure!(
        EngineSettingsHash::of(&engine).hex() == order.settings,
        "this program is of another build than the host that started it"
    );
    limits::set_memory()?;
    let mut component = Vec::new();
    input
        .take(MAX_COMPONENT_BYTES + 1)
        .read_to_end(&mut component)
        .context("reading the component")?;
    ensure!(
        component.len() as u64 <= MAX_COMPONENT_BYTES,
        "the component is larger than {MAX_COMPONENT_BYTES} bytes"
    );
    let scan = ScanLimits {
        memory_bytes: order.memory_bytes,
    };
    match CompiledCode::compile(&engine, &component, scan) {
        Ok(code) => {
            output.write_all(code.bytes()).context("writing the code")?;
            output.flush().context("writing the code")?;
            Ok(Compiled::Written)
        }
        Err(error) => Ok(Compiled::Refused(error.to_string())),
    }
}

mod limits {
    //! The limits of this process, by the system's own means.

    use anyhow::Context as _;
    use rustix::process::{Resource, Rlimit, nice, setrlimit};

    use super::{CPU, MEMORY_BYTES};

    /// Descriptors: the three pipes, and what the system's libraries open for a moment.
    const DESCRIPTORS: u64 = 16;
    /// The host and its guests go first.
    const NICE: i32 = 10;

    fn set(resource: Resource, soft: u64, hard: u64) -> anyhow::Result<()> {
        let limit = Rlimit {
            current: Some(soft),
            maximum: Some(hard),
        };
        setrlimit(resource, limit).with_context(|| format!("limiting {resource:?} of this process"))
    }

    /// Everything but the memory, which is counted from what is mapped once the engine stands.
    pub(super) fn set_first() -> anyhow::Result<()> {
        set(Resource::Core, 0, 0)?;
        // Pipes are no files: the code goes out, and nothing else can be written.
        set(Resource::Fsize, 0, 0)?;
        set(Resource::Nofile, DESCRIPTORS, DESCRIPTORS)?;
        // The signal of the lower limit says what happened; it can't be outlived beyond the higher one.
        set(Resource::Cpu, CPU.as_secs(), CPU.as_secs() + 2)?;
        // Where the system does not allow it, the compilation is as important as the host.
        let _ = nice(NICE);
        Ok(())
    }

    /// Addresses: those that are mapped by now, and what a compilation may use.
    pub(super) fn set_memory() -> anyhow::Result<()> {
        let mapped = mapped_bytes()?;
        let limit = mapped.saturating_add(MEMORY_BYTES as u64);
        set(Resource::As, limit, limit)
    }

    #[cfg(target_os = "linux")]
    fn mapped_bytes() -> anyhow::Result<u64> {
        let status =
            std::fs::read_to_string("/proc/self/status").context("reading what is mapped")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        let kibibytes: u64 = kibibytes.context("reading what is mapped")?;
        Ok(kibibytes.saturating_mul(1024))
    }

    /// Elsewhere it is not known: a generous guess.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unnecessary_wraps, reason = "it can fail on Linux")]
    fn mapped_bytes() -> anyhow::Result<u64> {
        Ok(1 << 30)
    }

    /// Closes what whoever started the host left open in it. The host opens nothing that a child inherits.
    #[cfg(target_os = "linux")]
    pub(super) fn close_inherited() -> anyhow::Result<()> {
        let entries = std::fs::read_dir("/proc/self/fd").context("listing what is open")?;
        let open: Vec<i32> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|descriptor| *descriptor > 2)
            .collect();
        for descriptor in open {
            // The list's own descriptor is among them, and closed by now.
            if std::fs::symlink_metadata(format!("/proc/self/fd/{descriptor}")).is_err() {
                continue;
            }
            #[expect(
                unsafe_code,
                reason = "inherited descriptors have no owner that could be dropped"
            )]
            // SAFETY: this process has opened nothing yet but its list, which is closed: no descriptor above the three
            // pipes is owned by anything in it, and it has one thread.
            unsafe {
                rustix::io::close(descriptor);
            }
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unnecessary_wraps, reason = "it can fail on Linux")]
    pub(super) fn close_inherited() -> anyhow::Result<()> {
        Ok(())
    }
}
