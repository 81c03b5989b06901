//! Waiting for the end of a burst: a build writes many files, and one look at the end is enough.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// A burst is over when nothing was heard for this long.
const QUIET: Duration = Duration::from_millis(100);
/// A burst that goes on is looked at all the same after this long.
const PATIENCE: Duration = Duration::from_secs(1);

/// Bursts of changes, one for each key.
#[derive(Debug)]
pub(crate) struct Debounce<K>(BTreeMap<K, Burst>);

#[derive(Debug, Clone, Copy)]
struct Burst {
    first: Instant,
    last: Instant,
}

impl Burst {
    fn due(&self) -> Instant {
        (self.last + QUIET).min(self.first + PATIENCE)
    }
}

impl<K: Ord + Clone> Debounce<K> {
    /// Nothing was heard.
    pub(crate) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Something was heard.
    pub(crate) fn note(&mut self, key: K, now: Instant) {
        let burst = Burst {
            first: now,
            last: now,
        };
        self.0.entry(key).or_insert(burst).last = now;
    }

    /// Waits until a burst is due and takes it. For ever while there is none. Nothing is lost when the wait is given up.
    pub(crate) async fn next(&mut self) -> K {
        let first = self.0.iter().min_by_key(|(_, burst)| burst.due());
        let Some((key, burst)) = first.map(|(key, burst)| (key.clone(), *burst)) else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(burst.due()).await;
        self.0.remove(&key);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_change_is_due_after_100_ms() {
        let begun = Instant::now();
        let mut debounce = Debounce::new();
        debounce.note("kyc", begun);
        assert_eq!(debounce.next().await, "kyc");
        assert_eq!(begun.elapsed(), millis(100));
        let more = tokio::time::timeout(Duration::from_mins(1), debounce.next()).await;
        assert!(more.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn each_further_change_puts_the_look_off_by_100_ms_but_not_beyond_a_second() {
        let begun = Instant::now();
        let mut debounce = Debounce::new();
        let mut looks = Vec::new();
        // A change every 60 ms for three seconds, then quiet.
        for number in 0..50 {
            let next = begun + millis(60 * number);
            while let Ok(key) = tokio::time::timeout_at(next, debounce.next()).await {
                looks.push((key, begun.elapsed()));
            }
            tokio::time::sleep_until(next).await;
            debounce.note("kyc", Instant::now());
        }
        looks.push((debounce.next().await, begun.elapsed()));
        assert_eq!(
            looks,
            [
                ("kyc", millis(1000)),
                ("kyc", millis(2020)),
                ("kyc", millis(3040))
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn apps_wait_for_their_own_bursts_alone() {
        let begun = Instant::now();
        let mut debounce = Debounce::new();
        debounce.note("busy", begun);
        tokio::time::advance(millis(50)).await;
        debounce.note("quiet", Instant::now());
        tokio::time::advance(millis(40)).await;
        debounce.note("busy", Instant::now());
        assert_eq!(debounce.next().await, "quiet");
        assert_eq!(begun.elapsed(), millis(150));
        assert_eq!(debounce.next().await, "busy");
        assert_eq!(begun.elapsed(), millis(190));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_loses_nothing() {
        let mut debounce = Debounce::new();
        debounce.note("kyc", Instant::now());
        let given_up = tokio::time::timeout(millis(50), debounce.next()).await;
        assert!(given_up.is_err());
        assert_eq!(debounce.next().await, "kyc");
    }
}
