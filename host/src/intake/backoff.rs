//! When to try again.

use std::time::Duration;

/// Waits after the first, second, … try in seconds: a key may go live only after our answer, so the first come soon.
const WAITS: [u64; 9] = [1, 2, 4, 8, 16, 30, 60, 300, 600];

/// The wait after `tries` tries have failed before this one. Up to a fifth is added, so that many don't come at once.
pub(super) fn wait(tries: i64) -> Duration {
    let index = usize::try_from(tries).unwrap_or(0).min(WAITS.len() - 1);
    let seconds = WAITS.get(index).copied().unwrap_or(600);
    let [byte] = crate::secret::random_bytes::<1>();
    let jitter = seconds * 200 * u64::from(byte) / 255;
    Duration::from_millis(seconds * 1000 + jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_ten_minutes_and_stay_there() {
        assert!((1000..=1200).contains(&wait(0).as_millis()));
        assert!((600_000..=720_000).contains(&wait(8).as_millis()));
        assert!((600_000..=720_000).contains(&wait(i64::MAX).as_millis()));
    }
}
