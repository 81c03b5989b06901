//! No core dumps: the memory of this process holds keys.

/// Forbids core dumps of this process, and on Linux also that others of the same user read its memory (K8).
///
/// What the sandbox reads of the system about this very process is opened before: afterwards it is root's alone.
#[cfg(unix)]
pub fn forbid_core_dumps() -> anyhow::Result<()> {
    use anyhow::Context as _;
    use rustix::process::{Resource, Rlimit, setrlimit};

    crate::runtime::engine::open_page_list();

    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).context("switching off core dumps")?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .context("closing this process's memory to others")?;
    Ok(())
}

/// Elsewhere the system has no such switch.
#[cfg(not(unix))]
pub fn forbid_core_dumps() -> anyhow::Result<()> {
    Ok(())
}
