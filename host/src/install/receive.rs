//! Receiving an event: everything that it changes is stored in one transaction, and only then is it answered.

use std::sync::PoisonError;
use std::time::Duration;

use sqlx::{Any, Transaction};
use tokio::time::Instant;
use tracing::{info, warn};

use super::event::{Event, EventError, InstallEvent, UninstallEvent};
use super::key_use::KeyUseError;
use super::lifecycle::Installs;
use super::tenant::owner;
use crate::model::{AppId, InstallId, Slug, UnixMillis};
use crate::secret::{NoneGranted, UseBatch};
use crate::store::installs::{InstallRow, Proof, Status, Transition};
use crate::store::{Connection, StoreError, audit, events, installs, outbox};

/// Most attempts that wait for proof, for one app and instance.
const MAX_PENDING: usize = 3;
/// How long storing an event may take where nobody says.
const PATIENCE: Duration = Duration::from_secs(7);
/// How long an install event is remembered.
const EVENT_LIFE: Duration = Duration::from_hours(90 * 24);
/// Ends of unknown installs, and ended installs that were never proven, that are remembered for each app: whoever knows
/// the address could send any number.
const MAX_UNKNOWN: i64 = 10_000;
/// Ended attempts that are remembered for each install.
const KEPT_ENDED: i64 = 3;
/// Nothing that was active is forgotten before every host has had the time to read that it has ended.
const ALL_HAVE_READ: Duration = Duration::from_mins(1);
/// What a 403 had activated is forgotten no sooner: no session of it lives that long.
const NO_SESSION_LIVES: Duration = Duration::from_hours(24);
/// Rows that are forgotten in one go: an event waits for it.
const BITE: i64 = 1024;
/// Install events are kept this long where nothing else is known of their install.
const ORPHAN_LIFE: Duration = Duration::from_hours(1);
/// How many more of them there may be until they are counted again.
const TRIM_EACH: u32 = 256;
/// Uses of the master key by an install: two fingerprints and the sealed key.
const INSTALL_USES: u64 = 3;
/// The first try to prove a key: Cloud may make it live only after our answer.
const FIRST_PROOF: Duration = Duration::from_millis(500);

/// What an event did. All of them are answered alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// An attempt to install was stored.
    Stored,
    /// An install has ended, or an unknown one was noted as ended.
    Ended,
    /// The event was known: nothing changed.
    Known,
}

/// Why an event was not stored.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The event names an `app_id` that belongs to another app, or not to this one.
    #[error(transparent)]
    Refused(#[from] EventError),
    /// Too many attempts wait for Cloud's answer about their keys.
    #[error("{MAX_PENDING} attempts already wait for Cloud to answer about their keys")]
    TooManyPending,
    /// The master key may not be used.
    #[error(transparent)]
    Keys(#[from] KeyUseError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<NoneGranted> for ReceiveError {
    fn from(error: NoneGranted) -> Self {
        Self::Keys(error.into())
    }
}

impl From<sqlx::Error> for ReceiveError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Installs {
    /// Stores an event for the app whose address it came to.
    pub async fn receive(&self, slug: &Slug, event: Event) -> Result<Receipt, ReceiveError> {
        self.receive_by(slug, event, Instant::now() + PATIENCE)
            .await
    }

    /// Stores an event, or nothing of it where its commit would begin after `deadline`: whoever gave up waiting then was
    /// told that nothing was stored.
    pub async fn receive_by(
        &self,
        slug: &Slug,
        event: Event,
        deadline: Instant,
    ) -> Result<Receipt, ReceiveError> {
        let receiving = async {
            match event {
                Event::Install(event) => self.receive_install(slug, *event, deadline).await,
                Event::Uninstall(event) => self.receive_uninstall(slug, event, deadline).await,
            }
        };
        self.database().bounded(receiving).await
    }

    /// Forgets install events after 90 days, and after an hour where nothing else is known of their install any more. The
    /// newest ends are remembered for good. Goes in bites: each keeps whoever else writes waiting.
    pub async fn sweep_events(&self) -> Result<u64, StoreError> {
        let now = self.0.clock.now();
        let mut forgotten = 0;
        for orphans in [false, true] {
            loop {
                let mut tx = self.0.database.write().await?;
                let gone = if orphans {
                    events::forget_orphans(&mut tx, now.minus(ORPHAN_LIFE), BITE).await?
                } else {
                    events::forget_installs(&mut tx, now.minus(EVENT_LIFE), BITE).await?
                };
                tx.commit().await?;
                forgotten += gone;
                if gone < BITE.unsigned_abs() {
                    break;
                }
            }
        }
        Ok(forgotten)
    }

    async fn receive_install(
        &self,
        slug: &Slug,
        event: InstallEvent,
        deadline: Instant,
    ) -> Result<Receipt, ReceiveError> {
        let (mut tx, mut uses) = self.0.uses.begin(INSTALL_USES).await?;
        let now = self.0.clock.now();
        let seen = events::seen(&mut tx, slug, &event.key).await?;
        let earlier = installs::attempts_of(&mut tx, &event.install).await?;
        let with_this_key = |row: &&InstallRow| {
            self.0
                .keyring
                .matches_key(&row.key_fingerprint, &event.api_key)
        };
        // An attempt that was evicted meanwhile is stored again: only what is still there is known.
        // A key that can't be read is not there either: the same event brings it back.
        let mut told = earlier.iter().filter(with_this_key);
        if self.is_seen(&seen, &event.body) && told.any(|row| row.status != Status::KeyUnreadable) {
            return Ok(Receipt::Known);
        }
        self.check_app(&mut tx, slug, &event.app).await?;
        let event_row = events::EventRow {
            slug,
            key: &event.key,
            attempt: seen.first().map_or(1, |seen| seen.attempt + 1),
            event_type: "install",
            install: &event.install,
            fingerprint: &uses.permit()?.fingerprint(&event.body),
        };
        check_place(slug, &event, &earlier)?;
        // The same install told again in other words: same key, same place, same grants. Nothing changes, so nothing is
        // stored: there are any number of words.
        let mut told = earlier.iter().filter(with_this_key);
        let is_readable =
            |known: &InstallRow| is_living(known.status) && known.status != Status::KeyUnreadable;
        if told.any(|known| is_readable(known) && known.granted == event.granted) {
            return Ok(Receipt::Known);
        }
        // Late, and in other words than before: the key ended with its install. One that was superseded may come back.
        let told: Vec<_> = earlier.iter().filter(with_this_key).collect();
        let was_ended =
            |row: &&InstallRow| row.status == Status::Uninstalled && row.proof.is_some();
        let has_ended = told.iter().any(was_ended) && !told.iter().any(|row| is_living(row.status));
        if has_ended && !seen.is_empty() {
            return Ok(Receipt::Known);
        }
        events::insert(&mut tx, &event_row, now).await?;
        let row = self.attempt_row(slug, &event, &earlier, &mut uses)?;
        let occupied = make_room(&mut tx, &row).await?;
        installs::insert(&mut tx, &row).await?;
        installs::forget_ended(&mut tx, &row.install, KEPT_ENDED, now.minus(ALL_HAVE_READ)).await?;
        outbox::add(
            &mut tx,
            &row.install,
            row.attempt,
            outbox::Kind::Prove,
            now.plus(FIRST_PROOF),
            now,
        )
        .await?;
        commit(tx, deadline).await?;
        if occupied || !seen.is_empty() {
            warn!(install.id = %row.install, app = %slug, alarm = true,
                "Stored another attempt to install {slug} where one is active or the event's key is known; \
                 nothing changes until its key is proven");
        } else {
            info!(install.id = %row.install, app = %slug, "Stored an attempt to install {slug}");
        }
        Ok(Receipt::Stored)
    }

    fn attempt_row(
        &self,
        slug: &Slug,
        event: &InstallEvent,
        earlier: &[InstallRow],
        uses: &mut UseBatch,
    ) -> Result<InstallRow, ReceiveError> {
        let now = self.0.clock.now();
        let mut row = InstallRow {
            install: event.install.clone(),
            attempt: earlier.first().map_or(1, |row| row.attempt + 1),
            slug: slug.clone(),
            app: event.app.clone(),
            instance: event.instance.clone(),
            organization: event.organization.clone(),
            status: Status::Pending,
            api_key: None,
            api_key_prefix: event.api_key_prefix.clone(),
            key_fingerprint: uses.permit()?.fingerprint_key(&event.api_key),
            granted: event.granted.clone(),
            // Later than every earlier attempt, so that no old session fits.
            generation: earlier
                .iter()
                .map(|row| row.generation)
                .max()
                .map_or(1, |last| last + 1),
            row_version: installs::first_version(),
            proof: None,
            refusals: 0,
            created_at: now,
            updated_at: now,
        };
        row.api_key = Some(uses.permit()?.seal(&owner(&row), &event.api_key));
        Ok(row)
    }

    /// An event must name the `app_id` that this app has, once it is known, and never another app's.
    async fn check_app(
        &self,
        tx: &mut Connection,
        slug: &Slug,
        app: &AppId,
    ) -> Result<(), ReceiveError> {
        if self.belongs(tx, slug, app).await? {
            return Ok(());
        }
        warn!(app = %slug, alarm = true, "Refused an event for {slug} that names the `app_id` of another app");
        Err(EventError::invalid("app_id", "is not the one of this app").into())
    }

    async fn receive_uninstall(
        &self,
        slug: &Slug,
        event: UninstallEvent,
        deadline: Instant,
    ) -> Result<Receipt, ReceiveError> {
        let now = self.0.clock.now();
        let mut tx = self.0.database.write().await?;
        let _turn = self.0.turn.lock().await;
        let seen = events::seen(&mut tx, slug, &event.key).await?;
        if self.is_seen(&seen, &event.body) && !self.is_living(&mut tx, &event.install).await? {
            return Ok(Receipt::Known);
        }
        self.check_app(&mut tx, slug, &event.app).await?;
        let event_row = events::EventRow {
            slug,
            key: &event.key,
            attempt: seen.first().map_or(1, |seen| seen.attempt + 1),
            event_type: "uninstall",
            install: &event.install,
            // An end must go through also when the key may seal nothing more.
            fingerprint: &self.0.keyring.fingerprint_uncounted(&event.body),
        };
        let known = installs::attempts_of(&mut tx, &event.install).await?;
        let ended = self.end_all(&mut tx, slug, &event, now).await?;
        if ended == 0 && !known.is_empty() {
            let lives_elsewhere = |row: &InstallRow| {
                is_living(row.status) && row.app == event.app && row.instance == event.instance
            };
            if known.iter().any(lives_elsewhere) {
                warn!(install.id = %event.install, app = %slug, alarm = true,
                    "Left {} as it is: its end came to the address of {slug}, and it belongs to another app here. \
                     If that was given up, set its `app_id` in the configuration", event.install);
            }
            // It ended before, or lives elsewhere: its own rows say so, and another tombstone would add nothing.
            return Ok(Receipt::Known);
        }
        events::insert(&mut tx, &event_row, now).await?;
        let was_proven = known.iter().any(|row| row.proof == Some(Proof::Answered));
        if !was_proven && self.is_time_to_trim(slug) {
            let then = now.minus(NO_SESSION_LIVES);
            installs::forget_unproven(&mut tx, slug, MAX_UNKNOWN, then, BITE).await?;
            events::keep_unknown(&mut tx, slug, MAX_UNKNOWN, BITE).await?;
        }
        commit(tx, deadline).await?;
        if ended == 0 {
            info!(install.id = %event.install, app = %slug,
                "Noted the end of {}, which is no living install of {slug} in that instance", event.install);
            return Ok(Receipt::Ended);
        }
        self.0.live.remove(&event.install);
        info!(install.id = %event.install, app = %slug, "Uninstalled {} of {slug}", event.install);
        Ok(Receipt::Ended)
    }

    /// Ends every living attempt of an install: status, key, sessions, waiting work. One that the app had under another
    /// slug ends too, if that is not the app's any more. Answers how many there were.
    async fn end_all(
        &self,
        tx: &mut Connection,
        slug: &Slug,
        event: &UninstallEvent,
        now: UnixMillis,
    ) -> Result<usize, StoreError> {
        let (mut ended, mut was_active) = (0, false);
        for row in installs::attempts_of(tx, &event.install).await? {
            let is_here = is_living(row.status)
                && row.app == event.app
                && row.instance == event.instance
                && (row.slug == *slug || !self.belongs(tx, &row.slug, &row.app).await?);
            if !is_here {
                continue;
            }
            let change = Transition::end(Status::Uninstalled);
            installs::transition(tx, &row, change, now).await?;
            if row.status != Status::Pending {
                let kind = outbox::Kind::Uninstalled;
                outbox::add(tx, &row.install, row.attempt, kind, now, now).await?;
            }
            for kind in [outbox::Kind::Prove, outbox::Kind::Installed] {
                outbox::drop_attempt(tx, &row.install, row.attempt, kind).await?;
            }
            ended += 1;
            was_active |= row.proof.is_some();
        }
        // What was never proven is no matter for the operator, and whoever knows the address can make any number of it.
        if was_active {
            let (install, count) = (Some(&event.install), ended.to_string());
            audit::append(tx, "uninstalled", Some(slug), install, &count, now).await?;
        }
        Ok(ended)
    }

    /// Whether the ends of unknown installs are to be counted now: at the first one of an app, then at every 256th. To
    /// count them reads them all.
    fn is_time_to_trim(&self, slug: &Slug) -> bool {
        let mut ends = self
            .0
            .unknown_ends
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let noted = ends.entry(slug.clone()).or_default();
        *noted = noted.wrapping_add(1);
        *noted % TRIM_EACH == 1
    }

    /// Whether an event with this very body was answered before.
    fn is_seen(&self, seen: &[events::SeenEvent], body: &[u8]) -> bool {
        seen.iter()
            .any(|seen| self.0.keyring.matches_fingerprint(&seen.fingerprint, body))
    }

    /// A repeated uninstall of an install that came back since then must end it again.
    async fn is_living(
        &self,
        tx: &mut Connection,
        install: &InstallId,
    ) -> Result<bool, StoreError> {
        Ok(installs::attempts_of(tx, install)
            .await?
            .iter()
            .any(|row| is_living(row.status)))
    }
}

/// Commits, unless it is too late to.
async fn commit(tx: Transaction<'static, Any>, deadline: Instant) -> Result<(), StoreError> {
    if Instant::now() >= deadline {
        return Err(StoreError::Late);
    }
    Ok(tx.commit().await?)
}

/// An install belongs to one app and one instance for good: its records and sessions do too. An event that names a
/// known install in another place is forged, or nothing that this host understands.
fn check_place(
    slug: &Slug,
    event: &InstallEvent,
    earlier: &[InstallRow],
) -> Result<(), ReceiveError> {
    let same = |row: &InstallRow| {
        row.slug == *slug && row.app == event.app && row.instance == event.instance
    };
    if earlier.iter().all(same) {
        return Ok(());
    }
    warn!(install.id = %event.install, app = %slug, alarm = true,
        "Refused an event that names a known install in another app or instance");
    let reason = "is known in another app or instance";
    Err(EventError::invalid("installed_app_id", reason).into())
}

fn is_living(status: Status) -> bool {
    matches!(
        status,
        Status::Pending | Status::Active | Status::Revoked | Status::KeyUnreadable
    )
}

/// Makes room for one more pending attempt: evicts one that Cloud refused, if there are too many.
/// Answers whether an install is active in that place.
async fn make_room(tx: &mut Connection, row: &InstallRow) -> Result<bool, ReceiveError> {
    let living = installs::living_at(tx, &row.slug, &row.instance).await?;
    let pending: Vec<_> = living
        .iter()
        .filter(|other| other.status == Status::Pending)
        .collect();
    if pending.len() >= MAX_PENDING {
        let refused = pending.iter().find(|other| other.refusals > 0);
        installs::delete_pending(tx, refused.ok_or(ReceiveError::TooManyPending)?).await?;
    }
    Ok(living.iter().any(|other| other.status == Status::Active))
}
