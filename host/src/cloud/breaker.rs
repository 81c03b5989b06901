//! The circuit breaker: an app stops calling a Cloud that does not answer, and one try at a time finds out when it does.
//!
//! One breaker per app. A transport speaks to one origin, so that is one per app and origin. What counts as a failure is
//! no answer: no connection, a broken one, a timeout, a 5xx. A 4xx is an answer, so one install's bad key never stops
//! the others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::Slug;

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// How long it stays open before one try may go through.
const OPEN: Duration = Duration::from_secs(5);

/// What one try showed about Cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It answered, whatever it said.
    Answered,
    /// It did not answer, or with a 5xx.
    Failed,
    /// Nothing was learned: nothing was sent, or the caller left.
    Unknown,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Instant>,
    probing: bool,
}

/// The breakers of every app towards one origin.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<HashMap<Slug, State>>);

/// Leave for one try. Dropped without [`Pass::end`], nothing was learned.
#[must_use = "a try that is not ended teaches the breaker nothing"]
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breakers: &'a Breakers,
    app: &'a Slug,
    probe: bool,
}

impl Breakers {
    /// Leave for one try of an app; while open, how long to wait. Never waits itself.
    pub(super) fn enter<'a>(&'a self, app: &'a Slug) -> Result<Pass<'a>, Duration> {
        let probe = self.with(app, |state| match state.open_until {
            None => Ok(false),
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    return Err(left);
                }
                if state.probing {
                    return Err(OPEN);
                }
                state.probing = true;
                Ok(true)
            }
        })?;
        Ok(Pass {
            breakers: self,
            app,
            probe,
        })
    }

    fn with<T>(&self, app: &Slug, change: impl FnOnce(&mut State) -> T) -> T {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = states.get_mut(app) {
            return change(state);
        }
        change(states.entry(app.clone()).or_default())
    }

    fn learn(&self, app: &Slug, probe: bool, health: Health) {
        self.with(app, |state| {
            // Tries that began before it opened say nothing about now.
            if state.open_until.is_some() && !probe {
                return;
            }
            match health {
                Health::Answered => *state = State::default(),
                Health::Unknown => state.probing = false,
                Health::Failed => {
                    state.probing = false;
                    state.failures = state.failures.saturating_add(1);
                    if state.failures >= FAILURES {
                        state.open_until = Some(Instant::now() + OPEN);
                    }
                }
            }
        });
    }
}

impl Pass<'_> {
    /// Tells what the try showed.
    pub(super) fn end(self, health: Health) {
        self.breakers.learn(self.app, self.probe, health);
        std::mem::forget(self);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.breakers.learn(self.app, self.probe, Health::Unknown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> Slug {
        Slug::parse(name).unwrap()
    }

    fn fail(breakers: &Breakers, app: &Slug, times: u32) {
        for _ in 0..times {
            breakers.enter(app).unwrap().end(Health::Failed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn w8_it_opens_at_the_fifth_failure_in_a_row_for_that_app_alone() {
        let (breakers, kyc, other) = (Breakers::default(), app("kyc"), app("other"));
        fail(&breakers, &kyc, 4);
        breakers.enter(&kyc).unwrap().end(Health::Answered);
        fail(&breakers, &kyc, 4);
        drop(breakers.enter(&kyc).unwrap());
        fail(&breakers, &kyc, 1);
        assert_eq!(breakers.enter(&kyc).unwrap_err(), OPEN);
        assert!(breakers.enter(&other).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn w8_half_open_lets_one_probe_through_and_its_end_decides() {
        let (breakers, kyc) = (Breakers::default(), app("kyc"));
        let early = breakers.enter(&kyc).unwrap();
        fail(&breakers, &kyc, 5);
        early.end(Health::Answered);
        assert!(
            breakers.enter(&kyc).is_err(),
            "a try from before does not close it"
        );
        tokio::time::advance(OPEN).await;
        let probe = breakers.enter(&kyc).unwrap();
        assert!(breakers.enter(&kyc).is_err(), "one probe at a time");
        probe.end(Health::Failed);
        assert_eq!(breakers.enter(&kyc).unwrap_err(), OPEN, "open again");
        tokio::time::advance(OPEN).await;
        drop(breakers.enter(&kyc).unwrap());
        let next = breakers
            .enter(&kyc)
            .expect("a probe that was given up makes room for another");
        next.end(Health::Answered);
        let passes: Vec<_> = (0..10).map(|_| breakers.enter(&kyc).unwrap()).collect();
        assert_eq!(passes.len(), 10, "closed");
    }
}
