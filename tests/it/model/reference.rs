//! The reference: what the life of installs should be, written from the rules and not from the program.
//!
//! Numbers stand for names: install 2 is `instapp_2`. Nothing here knows generations, row versions or transactions;
//! a session simply is alive or dead.

use std::collections::{BTreeMap, BTreeSet};

use super::step::{Cloud, Event, Place, Step, Told};

/// Most attempts at one app and instance that wait for their proof.
const MOST_WAITING: usize = 3;
/// Ended attempts of one install that are remembered.
const MOST_ENDED: usize = 3;
/// What was active is not forgotten sooner than this after it changed.
const REMEMBERED_MS: i64 = 60_000;
/// Two refusals of an active key count when they are this far apart.
const GAP_MS: i64 = 5_000;

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Pending,
    Active,
    Revoked,
    Superseded,
    Uninstalled,
}

impl Fate {
    pub(super) fn holds_key(self) -> bool {
        matches!(self, Self::Pending | Self::Active | Self::Revoked)
    }
}

/// A stored attempt to install.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) told: Told,
    pub(super) number: i64,
    pub(super) fate: Fate,
    /// How its key was proven last.
    pub(super) proof: Option<Cloud>,
    pub(super) refusals: i64,
    changed_ms: i64,
    /// Which activation of all was its last; 0 for none.
    activation: u64,
}

/// What the guest is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hook {
    Installed,
    Uninstalled,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing that can be asked for.
    Nothing,
    Stored,
    Ended,
    Known,
    /// 422: another app's id, or an install that is bound to another place.
    Refused,
    /// 503: too many attempts wait.
    Full,
    Accepted,
    Occupied,
    Foreign,
    /// A 403 brings back no install that Cloud had answered.
    TooWeak,
    Launched,
    /// No such install; the one 404.
    Unknown,
    /// To be proven first.
    Unproven,
}

/// A portal session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    pub(super) install: usize,
    pub(super) alive: bool,
}

/// Everything that a host should remember.
#[derive(Debug, Clone, Default)]
pub(super) struct Reference {
    /// In the order in which they were told.
    pub(super) attempts: Vec<Attempt>,
    /// The app that each slug has proven to be.
    pub(super) pins: BTreeMap<usize, usize>,
    /// By install and attempt.
    pub(super) hooks: BTreeSet<(usize, i64, Hook)>,
    pub(super) sessions: Vec<Session>,
    /// Every event that was sent, for sending it again.
    pub(super) sent: Vec<Event>,
    pub(super) outcome: Option<Outcome>,
    answered: BTreeSet<Event>,
    activations: u64,
    /// When the key of an active install was first refused in a row. A host that starts anew has forgotten it.
    first_refusal: BTreeMap<usize, i64>,
    now_ms: i64,
}

impl Reference {
    /// The indexes of attempts that stand so.
    pub(super) fn with_fate(&self, fate: Fate) -> Vec<usize> {
        let all = 0..self.attempts.len();
        all.filter(|at| self.attempts[*at].fate == fate).collect()
    }

    /// One of them, if there is any.
    pub(super) fn pick(&self, fate: Fate, pick: usize) -> Option<usize> {
        let found = self.with_fate(fate);
        found.get(pick % found.len().max(1)).copied()
    }

    /// The attempt that serves an install.
    pub(super) fn active(&self, install: usize) -> Option<&Attempt> {
        let mut attempts = self.attempts.iter();
        attempts.find(|one| one.told.install == install && one.fate == Fate::Active)
    }

    /// Hooks that are still to be delivered to somebody: one about an attempt that has ended meanwhile tells nothing.
    pub(super) fn owed(&self) -> BTreeSet<(usize, i64, Hook)> {
        let lives = |install, number| {
            let mut attempts = self.attempts.iter();
            attempts.any(|one| {
                (one.told.install, one.number) == (install, number)
                    && matches!(one.fate, Fate::Active | Fate::Revoked)
            })
        };
        let owed = self.hooks.iter().copied();
        owed.filter(|(install, number, hook)| {
            *hook == Hook::Uninstalled || lives(*install, *number)
        })
        .collect()
    }

    pub(super) fn step(&mut self, step: &Step) {
        self.now_ms += 1;
        let outcome = match step {
            Step::Tell(event) => self.tell(event),
            Step::Again(pick) => {
                let event = self.sent[pick % self.sent.len()].clone();
                self.tell(&event)
            }
            Step::Prove { pick, cloud, dead } => {
                let at = self.pick(Fate::Pending, *pick).expect("a pending attempt");
                self.prove(at, *cloud, *dead)
            }
            Step::Forget(pick) => {
                let at = self.pick(Fate::Pending, *pick).expect("a pending attempt");
                self.attempts.remove(at);
                Outcome::Nothing
            }
            Step::Restore { pick, cloud } => {
                let at = self.pick(Fate::Revoked, *pick).expect("a revoked attempt");
                self.restore(at, *cloud)
            }
            Step::Use { pick, cloud } => self.key_used(*pick, *cloud),
            Step::Launch { install, place } => self.launch(*install, *place),
            Step::Deliver(pick) => {
                self.deliver(*pick);
                Outcome::Nothing
            }
            Step::Wait(seconds) => {
                self.now_ms += i64::from(*seconds) * 1000;
                Outcome::Nothing
            }
            Step::Restart => {
                self.first_refusal.clear();
                Outcome::Nothing
            }
            Step::Crash { step, .. } => {
                self.now_ms -= 1;
                self.step(step);
                self.first_refusal.clear();
                // Whoever crashed has told nobody.
                Outcome::Nothing
            }
        };
        self.outcome = Some(outcome);
    }

    fn tell(&mut self, event: &Event) -> Outcome {
        self.sent.push(event.clone());
        match event {
            Event::Install(told) => self.told(event, told),
            Event::Uninstall { install, place } => self.ended(event, *install, *place),
        }
    }

    fn told(&mut self, event: &Event, told: &Told) -> Outcome {
        let earlier = self
            .attempts
            .iter()
            .filter(|one| one.told.install == told.install);
        let with_key = earlier.clone().filter(|one| one.told.key == told.key);
        // I16, I21: the same message once more is answered as before, also when the install has ended since.
        if self.answered.contains(event) && with_key.clone().count() > 0 {
            return Outcome::Known;
        }
        // An install belongs to one app and one instance for good.
        if !self.belongs(told.place) || earlier.clone().any(|one| one.told.place != told.place) {
            return Outcome::Refused;
        }
        // The same install in other words: it changes nothing, so nothing of it is remembered.
        let same = |one: &Attempt| one.fate.holds_key() && one.told.wide == told.wide;
        if with_key.clone().any(same) {
            return Outcome::Known;
        }
        // Late, and in other words: the key has ended with its install. One that was superseded may come back.
        let was_ended = |one: &Attempt| one.fate == Fate::Uninstalled && one.proof.is_some();
        let ended =
            with_key.clone().any(was_ended) && !with_key.clone().any(|one| one.fate.holds_key());
        if ended && self.was_told(told.install, told.place.slug) {
            return Outcome::Known;
        }
        let number = earlier.map(|one| one.number).max().unwrap_or(0) + 1;
        if !self.make_room(told.place) {
            return Outcome::Full;
        }
        self.answered.insert(event.clone());
        self.attempts.push(Attempt {
            told: told.clone(),
            number,
            fate: Fate::Pending,
            proof: None,
            refusals: 0,
            changed_ms: self.now_ms,
            activation: 0,
        });
        self.forget_ended(told.install);
        Outcome::Stored
    }

    /// Whether an event to install came before at this address, in whatever words.
    fn was_told(&self, install: usize, slug: usize) -> bool {
        let mut answered = self.answered.iter();
        answered.any(|event| {
            matches!(event, Event::Install(told) if told.install == install && told.place.slug == slug)
        })
    }

    /// Of what has ended stay the newest three, the one of them all that was active last, what was active a minute ago,
    /// and what its guest is to be told of.
    fn forget_ended(&mut self, install: usize) {
        let of_it = |one: &&Attempt| one.told.install == install && !one.fate.holds_key();
        let ended = || self.attempts.iter().filter(of_it);
        let last = ended().map(|one| one.activation).max().unwrap_or(0);
        let mut newest: Vec<i64> = ended().map(|one| one.number).collect();
        newest.sort_unstable();
        let newest = newest.split_off(newest.len().saturating_sub(MOST_ENDED));
        let (now, hooks) = (self.now_ms, &self.hooks);
        self.attempts.retain(|one| {
            let was_active = one.activation > 0;
            one.told.install != install
                || one.fate.holds_key()
                || newest.contains(&one.number)
                || (was_active && one.activation == last)
                || (was_active && now - one.changed_ms <= REMEMBERED_MS)
                || hooks.contains(&(install, one.number, Hook::Uninstalled))
        });
    }

    /// Attempts that Cloud has refused make room for a fourth; those that it has not answered stay.
    fn make_room(&mut self, place: Place) -> bool {
        let waiting = self.with_fate(Fate::Pending).into_iter();
        let waiting: Vec<usize> = waiting
            .filter(|at| self.attempts[*at].told.place.is_beside(place))
            .collect();
        if waiting.len() < MOST_WAITING {
            return true;
        }
        let refused = waiting
            .into_iter()
            .find(|at| self.attempts[*at].refusals > 0);
        refused.map(|at| self.attempts.remove(at)).is_some()
    }

    fn ended(&mut self, event: &Event, install: usize, place: Place) -> Outcome {
        let living = |one: &Attempt| one.told.install == install && one.fate.holds_key();
        // I20, I25: once more changes nothing, unless it came back since.
        if self.answered.contains(event) && !self.attempts.iter().any(living) {
            return Outcome::Known;
        }
        if !self.belongs(place) {
            return Outcome::Refused;
        }
        // Also what the app has at another slug that it does not belong to.
        let here: BTreeSet<(usize, i64)> = self
            .attempts
            .iter()
            .filter(|one| {
                let there = one.told.place;
                living(one)
                    && (there.app, there.instance) == (place.app, place.instance)
                    && (there.slug == place.slug || !self.belongs(there))
            })
            .map(|one| (one.told.install, one.number))
            .collect();
        let is_known = self.attempts.iter().any(|one| one.told.install == install);
        if is_known && here.is_empty() {
            // It has ended before, or lives elsewhere: its own rows say so.
            return Outcome::Known;
        }
        self.answered.insert(event.clone());
        for at in 0..self.attempts.len() {
            let one = &self.attempts[at];
            if here.contains(&(one.told.install, one.number)) {
                if one.fate != Fate::Pending {
                    self.hooks.insert((install, one.number, Hook::Uninstalled));
                }
                self.end(at, Fate::Uninstalled);
            }
        }
        // I19: an unknown install has ended too.
        Outcome::Ended
    }

    /// Ends what an attempt has: its key and its sessions.
    fn end(&mut self, at: usize, fate: Fate) {
        let (install, was) = (self.attempts[at].told.install, self.attempts[at].fate);
        self.attempts[at].fate = fate;
        self.attempts[at].changed_ms = self.now_ms;
        if was == Fate::Active {
            self.first_refusal.remove(&install);
            for session in &mut self.sessions {
                session.alive &= session.install != install;
            }
        }
    }

    fn prove(&mut self, at: usize, cloud: Cloud, dead: bool) -> Outcome {
        match cloud {
            Cloud::Silent => return Outcome::Nothing,
            Cloud::Refused => {
                self.attempts[at].refusals += 1;
                return Outcome::Nothing;
            }
            Cloud::Answered | Cloud::Forbidden => {}
        }
        let old_is_dead = dead && cloud == Cloud::Answered;
        if self.is_in_the_way(at, cloud) && !old_is_dead {
            self.attempts[at].refusals += 1;
            return Outcome::Occupied;
        }
        if !self.belongs(self.attempts[at].told.place) {
            self.attempts.remove(at);
            return Outcome::Foreign;
        }
        self.activate(at, cloud)
    }

    fn restore(&mut self, at: usize, cloud: Cloud) -> Outcome {
        if matches!(cloud, Cloud::Silent | Cloud::Refused) {
            return Outcome::Nothing;
        }
        if self.is_in_the_way(at, cloud) {
            return Outcome::Occupied;
        }
        if cloud == Cloud::Forbidden && self.attempts[at].proof == Some(Cloud::Answered) {
            return Outcome::TooWeak;
        }
        self.activate(at, cloud)
    }

    /// Whether an active install would have to be dead first. One that a 403 activated gives way to a 2xx.
    fn is_in_the_way(&self, at: usize, cloud: Cloud) -> bool {
        let place = self.attempts[at].told.place;
        let mut others = self.attempts.iter().enumerate();
        others.any(|(other, one)| {
            let weaker = one.proof == Some(Cloud::Forbidden) && cloud == Cloud::Answered;
            other != at && one.fate == Fate::Active && one.told.place == place && !weaker
        })
    }

    fn activate(&mut self, at: usize, cloud: Cloud) -> Outcome {
        let Told { install, place, .. } = self.attempts[at].told;
        for other in 0..self.attempts.len() {
            let one = &self.attempts[other];
            // A 403 never supersedes: a revoked install keeps its key, since a later 2xx restores it.
            let gives_way = match one.fate {
                Fate::Active => true,
                Fate::Revoked => cloud == Cloud::Answered,
                _ => false,
            };
            if other == at || one.told.place != place || !gives_way {
                continue;
            }
            if one.told.install != install {
                self.hooks
                    .insert((one.told.install, one.number, Hook::Uninstalled));
            }
            self.end(other, Fate::Superseded);
        }
        self.pins.entry(place.slug).or_insert(place.app);
        // What an earlier life of this install left to be cleaned up is cleaned up now.
        self.hooks
            .retain(|(of, _, hook)| *of != install || *hook != Hook::Uninstalled);
        let attempt = &mut self.attempts[at];
        if attempt.fate == Fate::Pending {
            self.hooks
                .insert((install, attempt.number, Hook::Installed));
        }
        attempt.fate = Fate::Active;
        attempt.proof = Some(cloud);
        self.first_refusal.remove(&install);
        self.activations += 1;
        attempt.activation = self.activations;
        Outcome::Accepted
    }

    /// A call with a key was answered or refused. Of an attempt that is not the active one it says nothing.
    fn key_used(&mut self, pick: usize, cloud: Cloud) -> Outcome {
        let at = pick % self.attempts.len();
        let install = self.attempts[at].told.install;
        if self.attempts[at].fate != Fate::Active {
            return Outcome::Nothing;
        }
        if cloud != Cloud::Refused {
            self.first_refusal.remove(&install);
            return Outcome::Nothing;
        }
        let first = *self.first_refusal.entry(install).or_insert(self.now_ms);
        if self.now_ms - first >= GAP_MS {
            self.end(at, Fate::Revoked);
        }
        Outcome::Nothing
    }

    fn launch(&mut self, install: usize, place: Place) -> Outcome {
        if let Some(active) = self.active(install) {
            if active.told.place != place {
                return Outcome::Unknown;
            }
            self.sessions.push(Session {
                install,
                alive: true,
            });
            return Outcome::Launched;
        }
        let mut fitting = self.attempts.iter().filter(|one| {
            one.told.install == install
                && one.told.place == place
                && matches!(one.fate, Fate::Pending | Fate::Revoked)
        });
        fitting
            .next()
            .map_or(Outcome::Unknown, |_| Outcome::Unproven)
    }

    /// A hook is delivered. A revoked install may come back, so its guest is told then.
    fn deliver(&mut self, pick: usize) {
        let Some(next) = self.deliverable(pick) else {
            return;
        };
        self.hooks.remove(&next);
    }

    /// One of the hooks that can be delivered now.
    pub(super) fn deliverable(&self, pick: usize) -> Option<(usize, i64, Hook)> {
        let ready: Vec<_> = self
            .owed()
            .into_iter()
            .filter(|(install, number, hook)| {
                *hook == Hook::Uninstalled
                    || self
                        .active(*install)
                        .is_some_and(|active| active.number == *number)
            })
            .collect();
        ready.get(pick % ready.len().max(1)).copied()
    }

    /// The first `app_id` that an install proves is the slug's for good, and no other slug's.
    fn belongs(&self, place: Place) -> bool {
        let mut pins = self.pins.iter();
        pins.all(|(slug, app)| (*slug == place.slug) == (*app == place.app))
    }
}
