//! What one call used: CPU time, memory, calls into the host.
//!
//! CPU time is the thread's own clock while the call is polled, so waiting for Cloud costs nothing and a busy machine
//! is not billed to the guest. It is read when a poll begins and ends and at every slice (a tick of the epoch).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::model::Permission;

/// Counters of one call, shared by its store, its task and whoever reports on it. All relaxed: each is written by the
/// one task that runs the call, and read after it or for a rough look.
#[derive(Debug, Default)]
pub struct CallMeter {
    cpu_nanos: AtomicU64,
    /// The thread's clock when the running poll, or its present slice, began.
    since_nanos: AtomicU64,
    peak_memory: AtomicUsize,
    memory_refused: AtomicBool,
    host_calls: AtomicU32,
}

impl CallMeter {
    /// CPU time so far. Within a poll: up to its last slice.
    pub fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu_nanos.load(Relaxed))
    }

    /// The most linear memory that the store held, in bytes.
    pub fn peak_memory_bytes(&self) -> usize {
        self.peak_memory.load(Relaxed)
    }

    /// Whether a memory or a table was not allowed to grow.
    pub fn memory_was_refused(&self) -> bool {
        self.memory_refused.load(Relaxed)
    }

    /// Counts one call into the host and answers how many there have been.
    pub(crate) fn count_host_call(&self) -> u32 {
        self.host_calls.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// Calls into the host so far.
    pub fn host_calls(&self) -> u32 {
        self.host_calls.load(Relaxed)
    }

    pub(crate) fn note_memory(&self, bytes: usize) {
        self.peak_memory.fetch_max(bytes, Relaxed);
    }

    pub(crate) fn note_memory_refused(&self) {
        self.memory_refused.store(true, Relaxed);
    }

    /// Closes the present slice and answers the CPU time so far. Only within a poll of [`metered`].
    pub(crate) fn end_slice(&self) -> Duration {
        let now = thread_nanos();
        let spent = now.saturating_sub(self.since_nanos.swap(now, Relaxed));
        let total = self
            .cpu_nanos
            .fetch_add(spent, Relaxed)
            .saturating_add(spent);
        Duration::from_nanos(total)
    }

    fn begin_slice(&self) {
        self.since_nanos.store(thread_nanos(), Relaxed);
    }
}

/// The CPU time of this thread. A poll never moves between threads, so differences within one are sound.
fn thread_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// Ends the slice also when a poll unwinds.
struct Slice<'a>(&'a CallMeter);

impl Drop for Slice<'_> {
    fn drop(&mut self) {
        self.0.end_slice();
    }
}

/// Runs a future and counts the CPU time of its polls.
pub(crate) async fn metered<F: Future>(meter: &CallMeter, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        meter.begin_slice();
        let _slice = Slice(meter);
        future.as_mut().poll(context)
    })
    .await
}

/// The figures of one call, for its caller and for the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallReport {
    /// CPU time in microseconds.
    pub cpu_us: u64,
    /// Time on the clock in microseconds, waiting for a permit left out.
    pub wall_us: u64,
    /// The most linear memory that the call held, in bytes.
    pub peak_memory_bytes: u64,
    /// Calls to Blnk Cloud, refused ones left out.
    pub cloud_calls: u32,
    /// Scopes that the guest used without having them.
    pub denied: Vec<Permission>,
    /// Bytes that the call logged.
    pub log_bytes: u64,
    /// What went wrong, for the operator and the app's author. Never for the portal.
    pub detail: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_costs_no_cpu_time_and_working_does() {
        let meter = CallMeter::default();
        metered(&meter, tokio::time::sleep(Duration::from_millis(50))).await;
        assert!(meter.cpu() < Duration::from_millis(25), "{:?}", meter.cpu());
        metered(&meter, async {
            let before = thread_nanos();
            while thread_nanos() - before < 30_000_000 {}
        })
        .await;
        assert!(
            meter.cpu() >= Duration::from_millis(30),
            "{:?}",
            meter.cpu()
        );
    }
}
