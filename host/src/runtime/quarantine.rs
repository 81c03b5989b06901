//! Quarantine: an app that keeps failing is not called for a while, and then once to see whether it works again.
//!
//! One breaker for each install, so what one tenant's data provokes stops nobody else. Where a second install's is open
//! too, the app as a whole stops, until any install is answered again: then those that still fail are shut for themselves
//! alone, and shut nobody else until ten minutes after their last failure. Installs are what is counted, not their
//! organizations: where all belong to one, an app that is broken must stop too. All of it belongs to one version of an app: another one begins with a clean slate, and what still runs of the
//! former can't count against it.
//!
//! What counts is what the guest did by itself: a crash, a panic in a host function that it called, memory, processor
//! time or another limit used up, an answer that is none. **Time on the clock does not count**: it also passes while Cloud
//! or the turn of others is waited for, and towards Cloud there is a breaker of its own.
//!
//! It resembles `cloud::breaker` and differs in what it must tell: failures within a time instead of failures in a row, by
//! the [`Clock`](crate::model::Clock), with what happened and since when.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::guest::CallFailure;
use crate::model::{InstallId, UnixMillis};

mod state;

use state::{Open, Role, State};

/// What one call showed about the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// It gave an answer, whatever it said.
    Answered,
    /// It failed, by itself, and how.
    Failed(&'static str),
    /// Nothing was learned: it was not called, the caller left, or its time on the clock was over.
    Unknown,
}

impl Health {
    /// What the end of a call says.
    pub(super) fn of<T>(result: &Result<T, CallFailure>) -> Self {
        match result {
            Ok(_) => Self::Answered,
            Err(
                failure @ (CallFailure::Cpu
                | CallFailure::Memory
                | CallFailure::Trap
                | CallFailure::Limit
                | CallFailure::BadOutput),
            ) => Self::Failed(failure.word()),
            Err(
                CallFailure::Wall
                | CallFailure::Busy
                | CallFailure::NotServing { .. }
                | CallFailure::Quarantined { .. },
            ) => Self::Unknown,
        }
    }
}

/// The breakers of one version of an app.
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    state: Mutex<State>,
    /// Whether anything is known at all, so that an app that does not fail costs one look.
    troubled: AtomicBool,
}

/// Leave for one call. Dropped without [`Pass::end`], nothing was learned.
#[must_use = "a call that is not ended teaches the breaker nothing"]
pub(super) struct Pass {
    quarantine: Arc<Quarantine>,
    install: InstallId,
    role: Role,
}

/// What the end of a call changed, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// This install is not served for a while.
    InstallShut,
    /// It is again.
    InstallServes,
    /// Nobody is served for a while.
    AppShut,
    /// The app serves again.
    AppServes,
}

/// What is shut, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shut {
    /// Whether nobody is served; else only some installs are not.
    pub app_wide: bool,
    /// Installs that are not let in by themselves.
    pub installs: usize,
    /// When the app as a whole stopped, or the first of the installs.
    pub since: UnixMillis,
    /// One word for the last failure.
    pub failure: &'static str,
    /// How many there were.
    pub failures: u32,
    /// How long nobody is let in; none where the next call finds out whether it works again.
    pub left: Option<Duration>,
}

impl fmt::Display for Shut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            installs,
            since,
            failure,
            failures,
            ..
        } = self;
        if self.app_wide {
            write!(
                f,
                "in quarantine since {since}: {failures} failures, the last was {failure}"
            )?;
        } else {
            let word = if *installs == 1 {
                "install is"
            } else {
                "installs are"
            };
            write!(
                f,
                "{installs} {word} in quarantine since {since}: {failures} failures, the last was {failure}"
            )?;
        }
        match self.left {
            Some(left) => write!(f, "; one call is let in after {} s", seconds(left)),
            None => f.write_str("; the next call finds out whether it works again"),
        }
    }
}

/// Whole seconds, rounded up: a caller who waits that long has waited long enough.
pub(super) fn seconds(left: Duration) -> u64 {
    u64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u64::MAX)
}

impl Quarantine {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_quiet(&self) -> bool {
        !self.troubled.load(Relaxed)
    }

    /// How long this install has to wait; none if it may ask. Takes nothing.
    pub(super) fn left(&self, install: &InstallId, now: UnixMillis) -> Option<Duration> {
        if self.is_quiet() {
            return None;
        }
        self.state().left(install, now)
    }

    /// Leave for one call of an install; while shut, how long to wait.
    pub(super) fn enter(
        self: &Arc<Self>,
        install: &InstallId,
        now: UnixMillis,
    ) -> Result<Pass, Duration> {
        let role = if self.is_quiet() {
            Role::Plain
        } else {
            self.state().enter(install, now)?
        };
        Ok(Pass {
            quarantine: Arc::clone(self),
            install: install.clone(),
            role,
        })
    }

    /// What is shut at the moment, if anything is.
    pub(crate) fn shut(&self, now: UnixMillis) -> Option<Shut> {
        if self.is_quiet() {
            return None;
        }
        let state = self.state();
        let open: Vec<Open> = state
            .installs
            .values()
            .filter_map(|known| known.open)
            .filter(|open| open.left(now).is_some())
            .collect();
        let shut = |open: Open, app_wide| Shut {
            app_wide,
            installs: 0,
            since: open.since,
            failure: open.failure,
            failures: open.failures,
            left: open.left(now),
        };
        if let Some(together) = state.together {
            return Some(Shut {
                installs: open.len(),
                ..shut(together, true)
            });
        }
        let last = open.iter().copied().max_by_key(|open| open.until)?;
        Some(Shut {
            installs: open.len(),
            since: open
                .iter()
                .map(|open| open.since)
                .min()
                .unwrap_or(last.since),
            failures: open.iter().map(|open| open.failures).sum(),
            ..shut(last, false)
        })
    }

    fn learn(
        &self,
        install: &InstallId,
        role: Role,
        health: Health,
        now: UnixMillis,
    ) -> Option<Change> {
        let fails = matches!(health, Health::Failed(_));
        if self.is_quiet() && !fails {
            return None;
        }
        let mut state = self.state();
        let before = state.opened(install);
        state.learn(install, role, health, now);
        self.troubled.store(!state.is_empty(), Relaxed);
        match (before, state.opened(install)) {
            ((_, false), (_, true)) => Some(Change::AppShut),
            ((_, true), (_, false)) => Some(Change::AppServes),
            ((false, _), (true, _)) => Some(Change::InstallShut),
            ((true, _), (false, _)) => Some(Change::InstallServes),
            _ => None,
        }
    }
}

impl Pass {
    /// Tells what the call showed, and answers what that changed.
    pub(super) fn end(mut self, health: Health, now: UnixMillis) -> Option<Change> {
        let role = std::mem::replace(&mut self.role, Role::Plain);
        self.quarantine.learn(&self.install, role, health, now)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.role != Role::Plain {
            let epoch = UnixMillis::new(0);
            self.quarantine
                .learn(&self.install, self.role, Health::Unknown, epoch);
        }
    }
}

#[cfg(test)]
mod tests;
