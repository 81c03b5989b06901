//! The share of the log that one app has, all its calls together: so many bytes a second.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What an app may write in a second, and at once after a pause, in bytes (H24).
const PER_SECOND: usize = 256 * 1024;
/// How often it is told that more was dropped.
const TELL: Duration = Duration::from_secs(1);

/// What an app may still write.
#[derive(Debug, Default)]
pub(crate) struct LogShare(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Bytes that are used up; they become free again with time.
    used: usize,
    looked_at: Option<Instant>,
    told_at: Option<Instant>,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// It is written.
    Granted,
    /// It is dropped, and that is to be told.
    DroppedFirst,
    /// It is dropped.
    Dropped,
}

impl LogShare {
    /// Asks for the bytes of a line.
    pub(super) fn take(&self, bytes: usize, now: Instant) -> Room {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = state
            .looked_at
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        // Two seconds free everything, and no product overflows.
        let passed = usize::try_from(passed.min(Duration::from_secs(2)).as_micros()).unwrap_or(0);
        let freed = PER_SECOND.saturating_mul(passed) / 1_000_000;
        if freed > 0 || state.looked_at.is_none() {
            state.used = state.used.saturating_sub(freed);
            state.looked_at = Some(now);
        }
        if state.used.saturating_add(bytes) <= PER_SECOND {
            state.used += bytes;
            return Room::Granted;
        }
        let told = state
            .told_at
            .is_some_and(|at| now.saturating_duration_since(at) < TELL);
        if told {
            return Room::Dropped;
        }
        state.told_at = Some(now);
        Room::DroppedFirst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h24_an_app_writes_so_many_bytes_a_second_and_is_told_once_a_second_that_more_was_dropped() {
        let share = LogShare::default();
        let start = Instant::now();
        let mut written = [0; 4];
        let mut told = [0; 4];
        // A line of 1 KiB every 100 microseconds: 10,000 KiB a second.
        for line in 0..40_000_u32 {
            let now = start + Duration::from_micros(100) * line;
            let second = (line / 10_000) as usize;
            match share.take(1024, now) {
                Room::Granted => written[second] += 1,
                Room::DroppedFirst => told[second] += 1,
                Room::Dropped => {}
            }
        }
        // What is saved up to begin with, and what becomes free in each second.
        assert!((500..=513).contains(&written[0]), "{written:?}");
        for second in &written[1..] {
            assert!((250..=257).contains(second), "{written:?}");
        }
        assert_eq!(told, [1; 4]);
    }

    #[test]
    fn after_a_pause_it_has_its_whole_share_again_and_no_more() {
        let share = LogShare::default();
        let start = Instant::now();
        assert_eq!(share.take(PER_SECOND, start), Room::Granted);
        assert_eq!(share.take(1, start), Room::DroppedFirst);
        let later = start + Duration::from_hours(1);
        assert_eq!(share.take(PER_SECOND, later), Room::Granted);
        assert_eq!(share.take(1, later), Room::DroppedFirst);
    }
}
