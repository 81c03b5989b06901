//! The circuit breaker: an install stops calling a Cloud that does not answer, and one try at a time finds out when it
//! does.
//!
//! One breaker per app and install, so what one tenant meets or provokes stops nobody else. When a second install of an
//! app finds the same, and nobody was answered in between, the app as a whole stops. A transport speaks to one origin, so
//! all that is per origin too. What counts as a failure is no answer: no connection, a broken one, a timeout, a 5xx. A 4xx
//! is an answer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{InstallId, PerInstall, Slug};

/// Failures in a row of one install that open its breaker.
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

/// Open until a moment, and then for one try at a time.
#[derive(Debug, Default)]
struct Gate {
    open_until: Option<Instant>,
    probing: bool,
}

impl Gate {
    fn open(&mut self) {
        self.open_until = Some(Instant::now() + OPEN);
    }

    /// How long nothing may pass; none if a probe may.
    fn left(&self) -> Option<Duration> {
        let left = self.open_until?.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Some(left);
        }
        self.probing.then_some(OPEN)
    }

    /// Lets one probe pass, if it is time for one and none is under way; else says how long nothing may.
    fn probe(&mut self, role: Role) -> Result<Role, Duration> {
        if let Some(left) = self.left() {
            return Err(left);
        }
        self.probing = true;
        Ok(role)
    }
}

/// One install. There is none for an install that was answered last.
#[derive(Debug, Default)]
struct State {
    failures: u32,
    gate: Gate,
}

impl State {
    /// Its time is over and nobody asks: it would be found out again.
    fn is_idle(&self) -> bool {
        !self.gate.probing
            && self
                .gate
                .open_until
                .is_none_or(|until| until <= Instant::now())
    }
}

/// One app: its installs, and all of them together.
#[derive(Debug, Default)]
struct App {
    installs: PerInstall<State>,
    /// The install whose breaker opened first since anybody was answered.
    suspect: Option<InstallId>,
    together: Gate,
}

/// What a try finds out, beside its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Nothing: nothing was open.
    Plain,
    /// Whether this install is answered again.
    OfInstall,
    /// Whether the app is.
    OfApp,
}

impl App {
    fn enter(&mut self, install: &InstallId) -> Result<Role, Duration> {
        let now_open = self.together.open_until;
        if let Some(until) = now_open.filter(|until| *until > Instant::now()) {
            return Err(until.saturating_duration_since(Instant::now()));
        }
        // An install that is known to fail asks for itself only: it must not take the app's turn from one that may succeed.
        if let Some(state) = self.installs.get_mut(install)
            && state.gate.open_until.is_some()
        {
            return state.gate.probe(Role::OfInstall);
        }
        if now_open.is_none() {
            return Ok(Role::Plain);
        }
        self.together.probe(Role::OfApp)
    }

    fn learn(&mut self, install: &InstallId, role: Role, health: Health) {
        let is_open = |gate: &Gate| gate.open_until.is_some();
        let role = match role {
            // Somebody else found it out meanwhile.
            Role::OfApp if !is_open(&self.together) => Role::Plain,
            role => role,
        };
        if role == Role::OfApp {
            self.together.probing = false;
        }
        if role == Role::OfInstall
            && let Some(state) = self.installs.get_mut(install)
        {
            state.gate.probing = false;
        }
        // Tries that began before it opened say nothing about now.
        let known = self.installs.get_mut(install);
        let is_late = is_open(&self.together) || known.is_some_and(|state| is_open(&state.gate));
        if role == Role::Plain && is_late {
            return;
        }
        match health {
            Health::Unknown => {}
            Health::Answered => {
                self.installs.remove(install);
                self.suspect = None;
                self.together = Gate::default();
            }
            Health::Failed => self.fail(install, role),
        }
    }

    fn fail(&mut self, install: &InstallId, role: Role) {
        // Where there is no room, this install's failures open nothing.
        let Some(state) = self.installs.entry(install, State::default, State::is_idle) else {
            return;
        };
        state.failures = state.failures.saturating_add(1);
        // A failed probe is enough, so that the same install does not probe for the app again.
        if role == Role::Plain && state.failures < FAILURES {
            return;
        }
        state.gate.open();
        match &self.suspect {
            // One that is known to fail holds up no one but itself.
            _ if role == Role::OfInstall => {}
            Some(first) if first != install => self.together.open(),
            Some(_) => {}
            None => self.suspect = Some(install.clone()),
        }
    }
}

/// The breakers of every app towards one origin.
#[derive(Debug, Default)]
pub(super) struct Breakers(Mutex<HashMap<Slug, App>>);

/// Leave for one try. Dropped without [`Pass::end`], nothing was learned.
#[must_use = "a try that is not ended teaches the breaker nothing"]
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breakers: &'a Breakers,
    app: &'a Slug,
    install: &'a InstallId,
    role: Role,
}

impl Breakers {
    /// Leave for one try of an install of an app; while open, how long to wait. Never waits itself.
    pub(super) fn enter<'a>(
        &'a self,
        app: &'a Slug,
        install: &'a InstallId,
    ) -> Result<Pass<'a>, Duration> {
        let role = self.with(app, |state| state.enter(install))?;
        Ok(Pass {
            breakers: self,
            app,
            install,
            role,
        })
    }

    fn with<T>(&self, app: &Slug, change: impl FnOnce(&mut App) -> T) -> T {
        let mut apps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = apps.get_mut(app) {
            return change(state);
        }
        change(apps.entry(app.clone()).or_default())
    }

    fn learn(&self, pass: &Pass<'_>, health: Health) {
        self.with(pass.app, |app| app.learn(pass.install, pass.role, health));
    }
}

impl Pass<'_> {
    /// Tells what the try showed.
    pub(super) fn end(self, health: Health) {
        self.breakers.learn(&self, health);
        std::mem::forget(self);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.breakers.learn(self, Health::Unknown);
    }
}

#[cfg(test)]
mod tests;
