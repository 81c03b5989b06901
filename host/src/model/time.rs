//! Time as an argument: whoever needs it holds a [`Clock`], and tests hold one that they can move.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixMillis(i64);

impl UnixMillis {
    /// From milliseconds since the epoch.
    pub const fn new(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch for interfaces that take no negative time; zero before 1970.
    pub fn unsigned(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time and a duration more; stays at the largest time instead of overflowing.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// This time less a duration; stays at the smallest time instead of overflowing.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// How long from `earlier` to this time; nothing if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for UnixMillis {
    /// RFC 3339 in UTC, as `2026-04-21T12:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> UnixMillis;
}

/// The computer's own clock, which never runs backwards while the program runs.
///
/// A clock that is set back would give signed tokens their time again: none is to be taken for longer than it was signed
/// for (I49). One that is set ahead ends them early.
#[derive(Debug, Default)]
pub struct SystemClock {
    latest: Mutex<Option<Reading>>,
}

/// What the clock showed, and when that was by a clock that nobody can set.
#[derive(Debug, Clone, Copy)]
struct Reading {
    millis: i64,
    at: Instant,
}

impl SystemClock {
    /// The computer's own clock.
    pub fn new() -> Self {
        Self::default()
    }

    /// The later of what the computer's clock shows and what must have passed since it was last ahead.
    fn read(&self, shown: i64, at: Instant) -> UnixMillis {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let least = latest.map_or(i64::MIN, |latest| {
            let passed = at.saturating_duration_since(latest.at);
            UnixMillis(latest.millis).plus(passed).get()
        });
        if shown >= least {
            *latest = Some(Reading { millis: shown, at });
        }
        UnixMillis(shown.max(least))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock that everybody else asks"
        )]
        let now = SystemTime::now();
        let millis = now
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        self.read(i64::try_from(millis).unwrap_or(i64::MAX), Instant::now())
    }
}

/// A clock that stands still until it is moved. For tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: UnixMillis) -> Self {
        Self(AtomicI64::new(start.get()))
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_printed_as_rfc_3339() {
        assert_eq!(
            UnixMillis::new(1_700_000_000_000).to_string(),
            "2023-11-14T22:13:20Z"
        );
    }

    #[test]
    fn i49_a_clock_that_is_set_back_goes_on_from_where_it_was() {
        let (clock, begun) = (SystemClock::new(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        let hour = 3_600_000;
        assert_eq!(clock.read(hour, at(0)).get(), hour);
        assert_eq!(clock.read(hour + 2000, at(2)).get(), hour + 2000);
        // Set back by an hour.
        assert_eq!(clock.read(3000, at(3)).get(), hour + 3000);
        assert_eq!(clock.read(63_000, at(63)).get(), hour + 63_000);
        // Set ahead by an hour, and right again: it stays ahead.
        assert_eq!(clock.read(2 * hour, at(64)).get(), 2 * hour);
        assert_eq!(clock.read(hour, at(65)).get(), 2 * hour + 1000);
        // Until the time has come.
        assert_eq!(clock.read(3 * hour, at(66)).get(), 3 * hour);
    }

    #[test]
    fn adding_never_overflows() {
        assert_eq!(
            UnixMillis::new(i64::MAX).plus(Duration::MAX).get(),
            i64::MAX
        );
        assert_eq!(UnixMillis::new(5).since(UnixMillis::new(9)), Duration::ZERO);
    }
}
