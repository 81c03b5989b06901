//! Threads that stay awake for a moment when they are likely to be asked again.
//!
//! A call goes from a thread of the front door to one of the guests' and back. Waking a thread up takes as long as a small
//! call does, and twice of that is most of what a lone caller waits for. So the thread of the guests watches its queue for
//! a moment after a call before it goes to sleep, and that of the front door after it has handed over the only call there
//! is. Each call buys at most one such moment ([`MOMENT`]) on either side, whatever else wakes those threads up.
//!
//! Only where a side has a single thread, as on machines with two cores: with more, tokio takes one that stays awake for
//! one that looks for work, and leaves the others asleep.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// How long a thread stays awake at most: a small call and its way back.
const MOMENT: Duration = Duration::from_micros(50);

/// The thread of one side.
struct Side {
    /// When its moment ends, in nanoseconds since [`BEGINNING`].
    until: AtomicU64,
}

static FRONT_DOOR: Side = Side::new();
static GUESTS: Side = Side::new();
/// Calls that the front door waits for.
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
/// With one core, whoever stays awake keeps from running what it waits for.
static HAS_CORES: LazyLock<bool> =
    LazyLock::new(|| std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1));

impl Side {
    const fn new() -> Self {
        Self {
            until: AtomicU64::new(0),
        }
    }

    fn begin_moment(&self) {
        self.until.store(after(MOMENT), Relaxed);
    }

    /// Stays awake until this thread's runtime was given something to do, the moment is over, or `wanted` is not so.
    fn stay_awake(&self, wanted: impl Fn() -> bool) {
        // What begins meanwhile is a moment of its own.
        let until = self.until.load(Relaxed);
        if is_over(until) || !wanted() {
            return;
        }
        let runtime = Handle::current();
        let metrics = runtime.metrics();
        if metrics.num_workers() > 1 {
            return;
        }
        while metrics.global_queue_depth() == 0 && wanted() && !is_over(until) {
            std::hint::spin_loop();
        }
    }
}

fn is_over(until: u64) -> bool {
    after(Duration::ZERO) >= until
}

fn after(time: Duration) -> u64 {
    let passed = BEGINNING.elapsed() + time;
    u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)
}

/// A call that the front door waits for, until it is dropped.
pub(super) struct UnderWay(());

impl UnderWay {
    pub(super) fn begin() -> Self {
        UNDER_WAY.fetch_add(1, Relaxed);
        FRONT_DOOR.begin_moment();
        Self(())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Relaxed);
    }
}

/// A guest's thread has ended a call.
pub(super) fn call_ended() {
    GUESTS.begin_moment();
}

/// For a thread of the guests that is about to go to sleep.
pub(super) fn before_guests_sleep() {
    GUESTS.stay_awake(|| *HAS_CORES);
}

/// For a thread of the front door that is about to go to sleep. With more calls than one under way there are more callers
/// than one, and it sleeps, so that it hears them.
pub fn before_front_door_sleeps() {
    FRONT_DOOR.stay_awake(|| *HAS_CORES && UNDER_WAY.load(Relaxed) == 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far longer than any of these tests takes.
    const LONG: Duration = Duration::from_mins(1);

    /// A side whose moment does not end.
    fn endless() -> Side {
        let side = Side::new();
        side.until.store(u64::MAX, Relaxed);
        side
    }

    /// How long a thread stays awake that may for [`LONG`].
    fn awake(side: &Side) -> Duration {
        let begun = Instant::now();
        side.stay_awake(|| begun.elapsed() < LONG);
        begun.elapsed()
    }

    #[tokio::test]
    async fn a_thread_stays_awake_for_the_moment_of_a_call_and_not_into_the_next() {
        let side = Side::new();
        side.stay_awake(|| unreachable!("there was no call"));
        side.begin_moment();
        let (begun, end) = (Instant::now(), side.until.load(Relaxed));
        side.stay_awake(|| {
            side.until.store(u64::MAX, Relaxed);
            begun.elapsed() < LONG
        });
        assert!(is_over(end) && begun.elapsed() < LONG);
    }

    #[tokio::test]
    async fn who_is_given_something_to_do_stops_waiting_for_it() {
        let runtime = Handle::current();
        let giver = std::thread::spawn(move || drop(runtime.spawn(async {})));
        assert!(awake(&endless()) < LONG);
        giver.join().unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_of_several_threads_goes_to_sleep_at_once() {
        assert!(awake(&endless()) < LONG);
    }
}
