//! The retry budget: retries are a small part of an install's traffic, so that a Cloud in trouble is not asked even more.
//!
//! Each install of an app has its own, so none can use up another's. Above a tenth of its calls it may retry ten times at
//! once and once more a second, or one that calls seldom could not retry at all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{InstallId, PerInstall, Slug};

/// A retry costs this much, a call brings in a tenth of it: 10 % of the traffic.
const RETRY: u32 = 10;
/// Most that calls can save up: 100 retries.
const MOST: u32 = 100 * RETRY;
/// The floor, so that an install with little traffic can retry at all: this many at once,
const FLOOR: u32 = 10;
/// and one more after this time.
const REFILL: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Account {
    saved: u32,
    floor: u32,
    since: Instant,
    used: Instant,
}

impl Account {
    fn new() -> Self {
        Self {
            saved: 0,
            floor: FLOOR,
            since: Instant::now(),
            used: Instant::now(),
        }
    }

    /// Its floor is full again; what it saved up is given up where there is no room.
    fn is_idle(&self) -> bool {
        self.used.elapsed() >= REFILL * FLOOR
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

/// What every install of every app may retry.
#[derive(Debug, Default)]
pub(super) struct Budgets(Mutex<HashMap<Slug, PerInstall<Account>>>);

impl Budgets {
    /// Counts a call of an install, which earns a tenth of a retry.
    pub(super) fn count_call(&self, app: &Slug, install: &InstallId) {
        self.with(app, install, |account| {
            account.saved = (account.saved + 1).min(MOST);
        });
    }

    /// Takes one retry; false if the install has none left, or there is no room to count its retries.
    pub(super) fn withdraw(&self, app: &Slug, install: &InstallId) -> bool {
        self.with(app, install, Account::withdraw).unwrap_or(false)
    }

    fn with<T>(
        &self,
        app: &Slug,
        install: &InstallId,
        change: impl FnOnce(&mut Account) -> T,
    ) -> Option<T> {
        let mut apps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !apps.contains_key(app) {
            apps.insert(app.clone(), PerInstall::default());
        }
        let accounts = apps.get_mut(app)?;
        let account = accounts.entry(install, Account::new, Account::is_idle)?;
        account.used = Instant::now();
        Some(change(account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn retries_are_a_tenth_of_the_traffic_above_a_floor_that_fills_by_time() {
        let (budgets, kyc) = (Budgets::default(), Slug::parse("kyc").unwrap());
        let [one, two] = ["one", "two"].map(|id| InstallId::parse(id).unwrap());
        let left = || (0..1000).filter(|_| budgets.withdraw(&kyc, &one)).count();
        assert_eq!(left(), 10, "the floor");
        for _ in 0..205 {
            budgets.count_call(&kyc, &one);
        }
        assert_eq!(left(), 20, "a tenth of the calls");
        tokio::time::advance(REFILL * 3).await;
        assert_eq!(left(), 3);
        tokio::time::advance(REFILL * 1000).await;
        assert_eq!(left(), 10, "no more than the floor");
        for _ in 0..100_000 {
            budgets.count_call(&kyc, &one);
        }
        assert_eq!(left(), 100, "no more than can be saved up");
        assert!(budgets.withdraw(&kyc, &two), "another install of the app");
        assert!(budgets.withdraw(&Slug::parse("other").unwrap(), &one));
    }
}
