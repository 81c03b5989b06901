//! The threads that guests run on, apart from those that accept connections.

use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};

use super::awake;
use super::turns::Turns;

/// Polls after which a thread looks at its sockets and timers. A poll may last a whole slice, so the usual 61 would keep
/// the answers of Cloud waiting for as many milliseconds.
const POLLS_BETWEEN_EVENTS: u32 = 8;

/// An async runtime for guests alone, or that of whoever asks.
pub(super) struct GuestThreads {
    runtime: Option<Runtime>,
    handle: Handle,
    turns: Arc<Turns>,
}

impl GuestThreads {
    /// Starts `count` threads; without a number one less than the machine has cores, at least one. With none, guests run
    /// on the threads of the present runtime.
    pub(super) fn start(count: Option<usize>) -> std::io::Result<Self> {
        if count == Some(0) {
            let handle = Handle::try_current().map_err(std::io::Error::other)?;
            return Ok(Self {
                runtime: None,
                handle,
                turns: Turns::new(1),
            });
        }
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let count = count.unwrap_or(cores.saturating_sub(1)).max(1);
        let runtime = Builder::new_multi_thread()
            .worker_threads(count)
            .thread_name("airlock-guest")
            .event_interval(POLLS_BETWEEN_EVENTS)
            .on_thread_park(awake::before_guests_sleep)
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
            turns: Turns::new(count),
        })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// As many turns as there are threads.
    pub(super) fn turns(&self) -> &Arc<Turns> {
        &self.turns
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
