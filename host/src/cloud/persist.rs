//! Trying again: only what is idempotent, a few times, within the call's own time and the install's budget.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::time::Instant;

use super::breaker::{Breakers, Health};
use super::budget::Budgets;
use super::error::{CloudError, Wait};
use crate::model::{InstallId, Slug};

/// Further tries after the first one.
const RETRIES: usize = 2;
/// Longest wait before the second try; twice as long before the third.
const BASE: Duration = Duration::from_millis(100);
/// Longest wait of all that is not Cloud's own wish.
const CAP: Duration = Duration::from_secs(2);
/// Longest `Retry-After` that is waited for. Whatever is longer is the guest's to wait.
const LONGEST_WISH: Duration = Duration::from_secs(5);

/// How one try ended.
#[derive(Debug)]
pub(super) struct Tried {
    /// The JSON text of a 2xx, or why there is none.
    pub(super) result: Result<String, CloudError>,
    /// What it showed about Cloud.
    pub(super) health: Health,
    /// Whether another try can end otherwise.
    pub(super) again: bool,
}

impl Tried {
    /// A try whose end another try would not change.
    pub(super) fn last(result: Result<String, CloudError>, health: Health) -> Self {
        Self {
            result,
            health,
            again: false,
        }
    }
}

/// How a call ended, all its tries taken together.
#[derive(Debug)]
pub(super) struct Ended {
    /// How the last try ended, or why there was none.
    pub(super) result: Result<String, CloudError>,
    /// Whether any try may have done its work without an answer.
    pub(super) in_doubt: bool,
}

/// What bounds the tries of one call.
pub(super) struct Bounds<'a> {
    /// Whose call it is: of which app,
    pub(super) app: &'a Slug,
    /// and for which of its installs.
    pub(super) install: &'a InstallId,
    /// When the guest's call ends.
    pub(super) deadline: Instant,
    /// Whether doing it twice is doing it once.
    pub(super) idempotent: bool,
    pub(super) breakers: &'a Breakers,
    pub(super) budgets: &'a Budgets,
}

/// A try that gave no result, for the retry loop.
struct Fault {
    error: CloudError,
    again: bool,
}

impl Bounds<'_> {
    /// Tries, and tries again where that is allowed and can help.
    pub(super) async fn run<F, Fut>(&self, attempt: F) -> Ended
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Tried>,
    {
        self.budgets.count_call(self.app, self.install);
        let in_doubt = AtomicBool::new(false);
        let (attempt, doubt) = (&attempt, &in_doubt);
        let waits = ExponentialBuilder::new()
            .with_min_delay(BASE)
            .with_max_delay(CAP)
            .with_factor(2.0)
            .with_max_times(if self.idempotent { RETRIES } else { 0 });
        let one = move || async move {
            let pass = self.breakers.enter(self.app, self.install).map_err(open)?;
            let tried = attempt().await;
            pass.end(tried.health);
            tried.result.map_err(|error| {
                if matches!(error, CloudError::OutcomeUnknown(_)) {
                    doubt.store(true, Ordering::Relaxed);
                }
                Fault {
                    error,
                    again: tried.again,
                }
            })
        };
        let result = one
            .retry(waits)
            .when(|fault| fault.again)
            .adjust(|fault, longest| self.wait(fault, longest?))
            .await
            .map_err(|fault| fault.error);
        Ended {
            result,
            in_doubt: in_doubt.into_inner(),
        }
    }

    /// How long to wait before the next try; none if there is to be none.
    fn wait(&self, fault: &Fault, longest: Duration) -> Option<Duration> {
        let wish = fault.wish();
        if wish.is_some_and(|wish| wish > LONGEST_WISH) {
            return None;
        }
        let wait = jittered(longest).max(wish.unwrap_or_default());
        // The budget last: a retry that has no time is not paid for.
        (Instant::now() + wait < self.deadline && self.budgets.withdraw(self.app, self.install))
            .then_some(wait)
    }
}

impl Fault {
    /// `Retry-After` of the answer.
    fn wish(&self) -> Option<Duration> {
        match &self.error {
            CloudError::RateLimited(wait) | CloudError::Unavailable(wait) => wait
                .retry_after_seconds
                .map(|seconds| Duration::from_secs(seconds.into())),
            _ => None,
        }
    }
}

/// Any time from nothing to `longest`: full jitter, so that many callers do not come back at the same moment.
fn jittered(longest: Duration) -> Duration {
    let mut bytes = [0; 4];
    crate::secret::fill_random(&mut bytes);
    longest.mul_f64(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
}

/// What the guest is told while the breaker is open. Nothing was sent.
fn open(left: Duration) -> Fault {
    let seconds = u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
    Fault {
        error: CloudError::Unavailable(Wait {
            message: "Cloud has not answered the last calls; nothing is sent for a moment"
                .to_owned(),
            retry_after_seconds: Some(seconds),
        }),
        again: false,
    }
}

#[cfg(test)]
mod tests;
