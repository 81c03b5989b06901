//! What is known of one version of an app: which of its installs fail, and whether the app as a whole does.

use std::collections::VecDeque;
use std::time::Duration;

use super::Health;
use crate::model::{InstallId, PerInstall, UnixMillis};

/// Failures of one install within [`WINDOW`] that open its breaker (H15).
const FAILURES: usize = 5;
/// How far back failures count.
const WINDOW: Duration = Duration::from_mins(1);
/// How long nobody is let in; then one call is.
const OPEN: Duration = Duration::from_secs(30);
/// Installs that must have opened theirs for the app as a whole to stop.
const INSTALLS: usize = 2;
/// How long after its last failure an install counts for nobody but itself, once it is known to fail alone.
const ALONE: Duration = Duration::from_mins(10);

/// An open breaker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub(super) since: UnixMillis,
    pub(super) until: UnixMillis,
    /// A call is finding out.
    probing: bool,
    /// How the last one failed.
    pub(super) failure: &'static str,
    /// Failures that opened it, and probes that failed since.
    pub(super) failures: u32,
}

impl Open {
    fn new(now: UnixMillis, failure: &'static str, failures: u32) -> Self {
        Self {
            since: now,
            until: now.plus(OPEN),
            probing: false,
            failure,
            failures,
        }
    }

    /// One more failed, so it stays open.
    fn again(&mut self, now: UnixMillis, failure: &'static str) {
        self.until = now.plus(OPEN);
        self.failure = failure;
        self.failures = self.failures.saturating_add(1);
    }

    /// How long nobody may pass; none if a probe may.
    pub(super) fn left(&self, now: UnixMillis) -> Option<Duration> {
        let left = self.until.since(now);
        if !left.is_zero() {
            return Some(left);
        }
        // A probe ends with its call; asking again is cheap.
        self.probing.then_some(Duration::from_secs(1))
    }
}

/// What is known of one install.
#[derive(Debug, Default)]
pub(super) struct OfInstall {
    /// When it failed of late; at most [`FAILURES`].
    recent: VecDeque<UnixMillis>,
    pub(super) open: Option<Open>,
    /// Until when its failures are its own: it shut the app as a whole, and another one was answered.
    alone: Option<UnixMillis>,
}

impl OfInstall {
    /// It would be found out again.
    fn is_idle(&self, now: UnixMillis) -> bool {
        let forgotten = |at: &UnixMillis| now.since(*at) >= WINDOW;
        self.recent.back().is_none_or(forgotten)
            && !self.is_alone(now)
            && self
                .open
                .is_none_or(|open| !open.probing && open.until <= now)
    }

    fn is_alone(&self, now: UnixMillis) -> bool {
        self.alone.is_some_and(|until| now < until)
    }

    /// Takes note of a failure, and answers how many there are within the time.
    fn count(&mut self, now: UnixMillis) -> usize {
        while self
            .recent
            .front()
            .is_some_and(|at| now.since(*at) >= WINDOW)
        {
            self.recent.pop_front();
        }
        if self.recent.len() == FAILURES {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.recent.len()
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) installs: PerInstall<OfInstall>,
    /// Installs whose breakers opened since the app as a whole was last found to work, at most [`INSTALLS`].
    suspects: Vec<InstallId>,
    pub(super) together: Option<Open>,
}

/// What a call finds out, beside its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing: nothing was open.
    Plain,
    /// Whether this install is answered again; and so is the app, if it was shut, since then.
    OfInstall {
        /// When the app was shut, if it was.
        app: Option<UnixMillis>,
    },
    /// Whether the app is, which was shut since then. One call at a time finds out.
    OfApp {
        /// When the app was shut.
        since: UnixMillis,
    },
}

impl Role {
    /// When the app was shut that this call may open.
    fn app(self) -> Option<UnixMillis> {
        match self {
            Self::Plain => None,
            Self::OfInstall { app } => app,
            Self::OfApp { since } => Some(since),
        }
    }
}

impl State {
    /// How long this install has to wait; none if it may be let in.
    pub(super) fn left(&self, install: &InstallId, now: UnixMillis) -> Option<Duration> {
        let of_app = self.together.and_then(|open| open.left(now));
        of_app.or_else(|| self.installs.get(install)?.open?.left(now))
    }

    pub(super) fn enter(&mut self, install: &InstallId, now: UnixMillis) -> Result<Role, Duration> {
        if let Some(left) = self.left(install, now) {
            return Err(left);
        }
        let app = self.together.map(|open| open.since);
        // An install that is known to fail asks for itself: it must not use up the app's turn.
        if let Some(open) = self
            .installs
            .get_mut(install)
            .and_then(|known| known.open.as_mut())
        {
            open.probing = true;
            return Ok(Role::OfInstall { app });
        }
        // One at a time for the whole app, if all of it is shut.
        let Some(together) = &mut self.together else {
            return Ok(Role::Plain);
        };
        together.probing = true;
        Ok(Role::OfApp {
            since: together.since,
        })
    }

    /// What is open: this install's, the app's.
    pub(super) fn opened(&self, install: &InstallId) -> (bool, bool) {
        let of_install = self.installs.get(install).and_then(|known| known.open);
        (of_install.is_some(), self.together.is_some())
    }

    pub(super) fn learn(
        &mut self,
        install: &InstallId,
        role: Role,
        health: Health,
        now: UnixMillis,
    ) {
        let known = self.installs.get_mut(install);
        let mut open = known.and_then(|known| known.open.as_mut());
        if role == Role::Plain && (open.is_some() || self.together.is_some()) {
            // It began before the breaker opened and says nothing about now.
            return;
        }
        if let Some(open) = &mut open
            && matches!(role, Role::OfInstall { .. })
        {
            open.probing = false;
        }
        if let Some(together) = self.probed_by(role) {
            together.probing = false;
        }
        match health {
            Health::Unknown => {}
            Health::Answered => self.answered(install, role, now),
            Health::Failed(failure) => self.fail(install, role, failure, now),
        }
    }

    /// The app's breaker, if this call has the turn to find out about it. It may have closed meanwhile, and opened anew.
    fn probed_by(&mut self, role: Role) -> Option<&mut Open> {
        let Role::OfApp { since } = role else {
            return None;
        };
        self.together.as_mut().filter(|open| open.since == since)
    }

    fn answered(&mut self, install: &InstallId, role: Role, now: UnixMillis) {
        if role == Role::Plain {
            // Its failures keep counting while they are within the time.
            if self
                .installs
                .get(install)
                .is_some_and(|known| known.is_idle(now))
            {
                self.installs.remove(install);
            }
            return;
        }
        let opens_app = self
            .together
            .is_some_and(|open| role.app() == Some(open.since));
        if opens_app {
            self.together = None;
            // Also where it is one of them that was answered: then the others are those that fail by themselves.
            let mut suspects = std::mem::take(&mut self.suspects);
            suspects.retain(|suspect| suspect != install);
            self.leave_alone(&suspects, now);
        }
        self.suspects.retain(|suspect| suspect != install);
        if let Some(known) = self.installs.get_mut(install) {
            known.recent.clear();
            known.open = None;
            if known.is_idle(now) {
                self.installs.remove(install);
            }
        }
    }

    /// Remembers that these fail by themselves: somebody else was answered while they had shut the app. So whoever can
    /// provoke failures with installs of their own shuts it once, and not again and again.
    fn leave_alone(&mut self, suspects: &[InstallId], now: UnixMillis) {
        for suspect in suspects {
            if let Some(known) = self.installs.get_mut(suspect) {
                known.alone = Some(now.plus(ALONE));
            }
        }
    }

    fn fail(&mut self, install: &InstallId, role: Role, failure: &'static str, now: UnixMillis) {
        // Where there is no room, this install's failures open nothing.
        let known = self
            .installs
            .entry(install, OfInstall::default, |known| known.is_idle(now));
        let Some(known) = known else {
            return;
        };
        let alone = known.is_alone(now);
        if alone {
            known.alone = Some(now.plus(ALONE));
        }
        let count = known.count(now);
        if let Some(open) = &mut known.open {
            open.again(now, failure);
        } else if count >= FAILURES || matches!(role, Role::OfApp { .. }) {
            // A failed probe is enough, so that the same install does not probe for the app again.
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            known.open = Some(Open::new(now, failure, count));
            if !alone {
                self.suspect(install, now);
            }
        }
        if self.together.is_some() {
            // What fails by itself says nothing about the app: the next one finds out.
            if let Some(together) = self.probed_by(role).filter(|_| !alone) {
                together.again(now, failure);
            }
        } else if self.suspects.len() >= INSTALLS {
            self.together = Some(Open::new(now, failure, self.failures()));
        }
    }

    /// Takes note that an install's breaker opened, and forgets those that nobody asked for since theirs could be tried.
    fn suspect(&mut self, install: &InstallId, now: UnixMillis) {
        let installs = &self.installs;
        self.suspects.retain(|suspect| {
            let open = installs.get(suspect).and_then(|known| known.open);
            open.is_some_and(|open| now.since(open.until) < WINDOW)
        });
        if !self.suspects.contains(install) && self.suspects.len() < INSTALLS {
            self.suspects.push(install.clone());
        }
    }

    /// Failures of the suspects together.
    fn failures(&self) -> u32 {
        let of = |install| Some(self.installs.get(install)?.open?.failures);
        self.suspects.iter().filter_map(of).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.installs.is_empty() && self.together.is_none()
    }
}
