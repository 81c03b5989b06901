//! A clock that runs like the computer's own and can be moved ahead.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use airlock_host::model::{Clock, SystemClock, UnixMillis};

/// Real time plus whatever it was moved by: background work goes on by itself, and a session can be made old at once.
#[derive(Debug, Default)]
pub(crate) struct MovableClock {
    ahead_ms: AtomicU64,
    system: SystemClock,
}

impl MovableClock {
    /// Moves the clock ahead.
    pub(crate) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).expect("a time that fits");
        self.ahead_ms.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> UnixMillis {
        self.system
            .now()
            .plus(Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst)))
    }
}
