//! The retry budget: retries are a small part of an app's traffic, so that a Cloud in trouble is not asked even more.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::Slug;

/// A retry costs this much, a call brings in a tenth of it: 10 % of the traffic.
const RETRY: u32 = 10;
/// Most that calls can save up: 100 retries.
const MOST: u32 = 100 * RETRY;
/// The floor, so that an app with little traffic can retry at all: this many at once,
const FLOOR: u32 = 10;
/// and one more after this time.
const REFILL: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Account {
    saved: u32,
    floor: u32,
    since: Instant,
}

impl Account {
    fn new() -> Self {
        Self {
            saved: 0,
            floor: FLOOR,
            since: Instant::now(),
        }
    }

    fn withdraw(&mut self) -> bool {
        while self.floor < FLOOR && self.since.elapsed() >= REFILL {
            self.floor += 1;
            self.since += REFILL;
        }
        if self.saved >= RETRY {
            self.saved -= RETRY;
            return true;
        }
        if self.floor == 0 {
            return false;
        }
        if self.floor == FLOOR {
            // A full floor does not fill: time counts from the first use on.
            self.since = Instant::now();
        }
        self.floor -= 1;
        true
    }
}

/// What every app may retry.
#[derive(Debug, Default)]
pub(super) struct Budgets(Mutex<HashMap<Slug, Account>>);

impl Budgets {
    /// Counts a call of an app, which earns a tenth of a retry.
    pub(super) fn count_call(&self, app: &Slug) {
        self.with(app, |account| account.saved = (account.saved + 1).min(MOST));
    }

    /// Takes one retry; false if the app has none left.
    pub(super) fn withdraw(&self, app: &Slug) -> bool {
        self.with(app, Account::withdraw)
    }

    fn with<T>(&self, app: &Slug, change: impl FnOnce(&mut Account) -> T) -> T {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get_mut(app) {
            return change(account);
        }
        change(accounts.entry(app.clone()).or_insert_with(Account::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn retries_are_a_tenth_of_the_traffic_above_a_floor_that_fills_by_time() {
        let (budgets, kyc) = (Budgets::default(), Slug::parse("kyc").unwrap());
        let left = || (0..1000).filter(|_| budgets.withdraw(&kyc)).count();
        assert_eq!(left(), 10, "the floor");
        for _ in 0..205 {
            budgets.count_call(&kyc);
        }
        assert_eq!(left(), 20, "a tenth of the calls");
        tokio::time::advance(REFILL * 3).await;
        assert_eq!(left(), 3);
        tokio::time::advance(REFILL * 1000).await;
        assert_eq!(left(), 10, "no more than the floor");
        for _ in 0..100_000 {
            budgets.count_call(&kyc);
        }
        assert_eq!(left(), 100, "no more than can be saved up");
        assert!(budgets.withdraw(&Slug::parse("other").unwrap()));
    }
}
