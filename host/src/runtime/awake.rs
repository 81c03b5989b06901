//! Threads that stay awake for a moment when they are likely to be asked again.
//!
//! A call goes from a thread of the front door to one of the guests' and back. Waking a thread up takes as long as a small
//! call does, and twice of that is most of what a lone caller waits for. So a thread of the guests looks around for a
//! moment after a call before it goes to sleep, and one of the front door after it has handed over the only call there is.
//! Each call buys one such moment ([`MOMENT`]) on either side, whatever else wakes those threads up, and one thread at a
//! time stays awake on either side.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// How long a thread stays awake at most: a small call and its way back.
const MOMENT: Duration = Duration::from_micros(50);

/// The threads of one side, the same for all runtimes of a process: they share its cores.
struct Side {
    /// When its moment ends, in nanoseconds since [`BEGINNING`].
    until: AtomicU64,
    /// Someone is awake already.
    taken: AtomicBool,
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
            taken: AtomicBool::new(false),
        }
    }

    fn begin_moment(&self) {
        self.until.store(after(MOMENT), Relaxed);
    }

    /// Stays awake until this thread's runtime was given something to do, the moment is over, or `wanted` is not so.
    fn stay_awake(&self, wanted: impl Fn() -> bool) {
        if !self.is_now() || !wanted() || !*HAS_CORES || self.taken.swap(true, Relaxed) {
            return;
        }
        let given = Handle::current();
        let given = given.metrics();
        while given.global_queue_depth() == 0 && wanted() && self.is_now() {
            std::hint::spin_loop();
        }
        self.taken.store(false, Relaxed);
    }

    fn is_now(&self) -> bool {
        after(Duration::ZERO) < self.until.load(Relaxed)
    }
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
    GUESTS.stay_awake(|| true);
}

/// For a thread of the front door that is about to go to sleep. With more than one call under way, others ask it too.
pub fn before_front_door_sleeps() {
    FRONT_DOOR.stay_awake(|| UNDER_WAY.load(Relaxed) == 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far longer than any of these tests takes.
    const LONG: Duration = Duration::from_mins(1);

    /// How long a thread stays awake that may for [`LONG`].
    fn awake(side: &Side) -> Duration {
        let begun = Instant::now();
        side.stay_awake(|| begun.elapsed() < LONG);
        begun.elapsed()
    }

    #[tokio::test]
    async fn a_thread_stays_awake_for_a_moment_after_a_call_and_not_longer() {
        let side = Side::new();
        side.stay_awake(|| unreachable!("there was no call"));
        side.begin_moment();
        let moment = awake(&side);
        assert!(moment < LONG && !side.is_now(), "{moment:?}");
        assert!(!side.taken.load(Relaxed), "the next one may stay awake");
    }

    #[tokio::test]
    async fn one_thread_at_a_time_stays_awake() {
        let side = Side::new();
        side.until.store(u64::MAX, Relaxed);
        side.taken.store(true, Relaxed);
        assert!(awake(&side) < LONG);
        assert!(side.taken.load(Relaxed), "the other one is still awake");
    }

    #[tokio::test]
    async fn who_is_given_something_to_do_looks_no_further() {
        let side = Side::new();
        side.until.store(u64::MAX, Relaxed);
        let runtime = Handle::current();
        let giver = std::thread::spawn(move || drop(runtime.spawn(async {})));
        assert!(awake(&side) < LONG);
        giver.join().unwrap();
    }
}
