//! Waiting for something to become true, with a guard against waiting for ever.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Ten times what the slowest of these waits should take.
const GUARD: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);

/// Asks until the answer is there.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + GUARD;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            Instant::now() < end,
            "waited {} s in vain until {what}",
            GUARD.as_secs()
        );
        sleep(PAUSE).await;
    }
}
