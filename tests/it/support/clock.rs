//! A clock that runs like the computer's own and can be moved.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use airlock_host::model::{Clock, SystemClock, UnixMillis};

/// Real time plus whatever it was moved by: background work goes on by itself, and a session can be made old at once.
#[derive(Debug, Default)]
pub(crate) struct MovableClock {
    ahead_ms: AtomicI64,
    system: SystemClock,
}

impl MovableClock {
    /// Moves the clock ahead.
    pub(crate) fn advance(&self, by: Duration) {
        self.ahead_ms.fetch_add(millis(by), Ordering::SeqCst);
    }

    /// Sets the clock back.
    pub(crate) fn set_back(&self, by: Duration) {
        self.ahead_ms.fetch_sub(millis(by), Ordering::SeqCst);
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).expect("a time that fits")
}

impl Clock for MovableClock {
    fn now(&self) -> UnixMillis {
        UnixMillis::new(self.system.now().get() + self.ahead_ms.load(Ordering::SeqCst))
    }
}
