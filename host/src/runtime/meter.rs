//! What one call used: CPU time, memory, calls into the host.
//!
//! CPU time is the thread's own clock while the call is polled, so waiting for Cloud or for a turn costs nothing and a
//! busy machine is not billed to the guest. Asking for that clock is a call into the kernel that takes as long as some
//! guests, so what lasts less than a grain (250 µs) is taken from the clock on the wall, which is never less. A guest can be
//! billed some grains too much in one poll, where the system stopped its thread just then, and never too little.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::turns::Place;
use crate::model::Permission;

/// In nanoseconds: how far the time on the clock may stand for CPU time. A slice is four times as long.
const GRAIN: u64 = 250_000;

/// Counters of one call, shared by its store, its task and whoever reports on it. All relaxed: each is written by the
/// one task that runs the call, and read after it or for a rough look.
#[derive(Debug, Default)]
pub struct CallMeter {
    cpu_nanos: AtomicU64,
    /// The time on the clock up to which the running poll is counted.
    read_nanos: AtomicU64,
    /// CPU time of the running poll.
    turn_nanos: AtomicU64,
    slice_over: AtomicBool,
    peak_memory: AtomicUsize,
    memory_refused: AtomicBool,
    host_calls: AtomicU32,
    host_nanos: AtomicU64,
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

    /// Time on the clock that host functions of the contract took, waiting for Cloud and the store included.
    pub fn host_time(&self) -> Duration {
        Duration::from_nanos(self.host_nanos.load(Relaxed))
    }

    pub(crate) fn add_host_time(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.host_nanos.fetch_add(nanos, Relaxed);
    }

    pub(crate) fn note_memory(&self, bytes: usize) {
        self.peak_memory.fetch_max(bytes, Relaxed);
    }

    pub(crate) fn note_memory_refused(&self) {
        self.memory_refused.store(true, Relaxed);
    }

    /// CPU time of the running poll, up to its last reading.
    pub(crate) fn turn(&self) -> Duration {
        Duration::from_nanos(self.turn_nanos.load(Relaxed))
    }

    /// Reads the clock and answers the CPU time so far. Only within a poll of [`metered`].
    pub(crate) fn read(&self) -> Duration {
        let now = nanos(ClockId::Monotonic);
        let before = self.read_nanos.swap(now, Relaxed);
        let spent = Reading::spent(before, now);
        self.turn_nanos.fetch_add(spent, Relaxed);
        let total = self
            .cpu_nanos
            .fetch_add(spent, Relaxed)
            .saturating_add(spent);
        Duration::from_nanos(total)
    }

    fn begin_turn(&self) {
        let now = nanos(ClockId::Monotonic);
        Reading::renew(now);
        self.turn_nanos.store(0, Relaxed);
        self.read_nanos.store(now, Relaxed);
    }
}

/// Ends the slice of the poll that awaits it: [`metered`] gives the turn back and goes on with the next one.
#[derive(Debug)]
pub(crate) struct SliceOver {
    meter: Arc<CallMeter>,
    told: bool,
}

impl SliceOver {
    pub(crate) fn new(meter: &Arc<CallMeter>) -> Self {
        Self {
            meter: Arc::clone(meter),
            told: false,
        }
    }
}

impl Future for SliceOver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.told {
            return Poll::Ready(());
        }
        self.told = true;
        self.meter.slice_over.store(true, Relaxed);
        Poll::Pending
    }
}

/// The two clocks of a thread when its own was last read. A poll never moves between threads.
#[derive(Clone, Copy)]
struct Reading {
    wall: u64,
    cpu: u64,
}

thread_local! {
    static LAST: Cell<Reading> = const { Cell::new(Reading { wall: 0, cpu: 0 }) };
}

impl Reading {
    fn take(wall: u64) -> Self {
        let reading = Self {
            wall,
            cpu: nanos(ClockId::ThreadCPUTime),
        };
        LAST.set(reading);
        reading
    }

    /// Sees to it that the last reading is not older than the grain.
    fn renew(now: u64) {
        if now.saturating_sub(LAST.get().wall) >= GRAIN {
            Self::take(now);
        }
    }

    /// The most CPU time that this thread can have used between two times, the first of which is not before the last
    /// reading: neither more than has passed, nor more than since that reading.
    fn spent(before: u64, now: u64) -> u64 {
        let passed = now.saturating_sub(before);
        if passed < GRAIN {
            return passed;
        }
        let last = LAST.get();
        passed.min(Self::take(now).cpu.saturating_sub(last.cpu))
    }
}

fn nanos(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// Counts what a poll used when it ends, also when it unwinds.
struct Counted<'a>(&'a CallMeter);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.read();
    }
}

/// Runs a future in turns, a poll each, and counts the CPU time of its polls.
pub(crate) async fn metered<F: Future>(
    meter: &CallMeter,
    mut place: Place,
    future: F,
) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let Some(turn) = place.take(context.waker()) else {
            return Poll::Pending;
        };
        meter.begin_turn();
        let counted = Counted(meter);
        let polled = future.as_mut().poll(context);
        drop(counted);
        if meter.slice_over.swap(false, Relaxed) && polled.is_pending() {
            turn.end_slice(context.waker());
        }
        polled
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
    /// Time of those that host functions of the contract took.
    pub host_us: u64,
    /// The most linear memory that the call held, in bytes.
    pub peak_memory_bytes: u64,
    /// Calls to Blnk Cloud, refused ones left out.
    pub cloud_calls: u32,
    /// Time that they took, in microseconds.
    pub cloud_us: u64,
    /// Bytes of the bodies that were sent to Cloud and of the answers that the guest got, second tries left out.
    pub cloud_bytes: u64,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body; none for a call that failed.
    pub response_bytes: u64,
    /// Scopes that the guest used without having them.
    pub denied: Vec<Permission>,
    /// Bytes that the call logged.
    pub log_bytes: u64,
    /// What went wrong, for the operator and the app's author. Never for the portal.
    pub detail: Option<String>,
}

impl CallReport {
    /// The scopes that were denied, separated by commas.
    pub(crate) fn denied_scopes(&self) -> String {
        let names: Vec<_> = self.denied.iter().map(|scope| scope.as_str()).collect();
        names.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Slug;
    use crate::runtime::turns::Turns;

    fn place(turns: &Arc<Turns>, app: &str) -> Place {
        turns.place(Slug::parse(app).unwrap(), None)
    }

    #[tokio::test]
    async fn waiting_costs_no_cpu_time_and_working_does() {
        let (meter, turns) = (CallMeter::default(), Turns::new(1));
        let sleep = tokio::time::sleep(Duration::from_millis(50));
        metered(&meter, place(&turns, "a"), sleep).await;
        assert!(meter.cpu() < Duration::from_millis(25), "{:?}", meter.cpu());
        metered(&meter, place(&turns, "a"), async {
            let before = nanos(ClockId::ThreadCPUTime);
            while nanos(ClockId::ThreadCPUTime) - before < 30_000_000 {}
        })
        .await;
        assert!(
            meter.cpu() >= Duration::from_millis(30),
            "{:?}",
            meter.cpu()
        );
    }

    #[tokio::test]
    async fn a_thread_that_the_system_stops_for_a_while_costs_its_guest_some_grains_at_most() {
        let (meter, turns) = (CallMeter::default(), Turns::new(1));
        for _ in 0..3 {
            let stopped = async { std::thread::sleep(Duration::from_millis(50)) };
            metered(&meter, place(&turns, "a"), stopped).await;
        }
        assert!(meter.cpu() < Duration::from_millis(20), "{:?}", meter.cpu());
    }

    #[tokio::test]
    async fn many_short_polls_cost_as_much_as_they_take() {
        let (meter, turns) = (CallMeter::default(), Turns::new(1));
        let before = nanos(ClockId::ThreadCPUTime);
        while nanos(ClockId::ThreadCPUTime) - before < 30_000_000 {
            let short = async {
                let before = nanos(ClockId::ThreadCPUTime);
                while nanos(ClockId::ThreadCPUTime) - before < 20_000 {}
            };
            metered(&meter, place(&turns, "a"), short).await;
        }
        assert!(
            meter.cpu() >= Duration::from_millis(15),
            "{:?}",
            meter.cpu()
        );
    }

    #[tokio::test]
    async fn who_used_a_slice_up_lets_others_go_first() {
        let (turns, order) = (Turns::new(1), std::sync::Mutex::new(String::new()));
        let spin = |app: &'static str| {
            let (turns, order) = (&turns, &order);
            async move {
                let meter = Arc::new(CallMeter::default());
                let work = async {
                    for _ in 0..3 {
                        order.lock().unwrap().push_str(app);
                        SliceOver::new(&meter).await;
                    }
                };
                metered(&meter, place(turns, app), work).await;
            }
        };
        tokio::join!(spin("a"), spin("b"), spin("c"));
        assert_eq!(order.into_inner().unwrap(), "abcabcabc");
    }

    #[tokio::test]
    async fn timers_fire_while_a_guest_that_nobody_waits_behind_never_pauses() {
        let (meter, turns) = (Arc::new(CallMeter::default()), Turns::new(1));
        let spin = metered(&meter, place(&turns, "a"), async {
            loop {
                SliceOver::new(&meter).await;
            }
        });
        let timer = tokio::spawn(tokio::time::sleep(Duration::from_millis(1)));
        tokio::select! {
            () = spin => {}
            ended = timer => ended.unwrap(),
        }
    }
}
