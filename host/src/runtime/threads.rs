//! The threads that guests run on, apart from those that accept connections.

use tokio::runtime::{Builder, Handle, Runtime};

/// An async runtime for guests alone.
pub(super) struct GuestThreads {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl GuestThreads {
    /// Starts `count` threads; without a number one less than the machine has cores, at least one.
    pub(super) fn start(count: Option<usize>) -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let count = count.unwrap_or(cores.saturating_sub(1)).max(1);
        let runtime = Builder::new_multi_thread()
            .worker_threads(count)
            .thread_name("airlock-guest")
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for GuestThreads {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which async code may not do.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
