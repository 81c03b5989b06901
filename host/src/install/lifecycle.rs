//! [`Installs`]: opening the table of installs, and every transition but the receipt of an event (see `receive`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Mutex;
use tracing::{info, warn};

use super::key_use::KeyUse;
use super::keys::{self, WrongKeys};
use super::live::LiveTable;
use super::task::to_its_end;
use super::tenant::{Attempt, Tenant};
use crate::model::{AppId, Clock, InstallId, Slug, UnixMillis};
use crate::secret::Keyring;
use crate::store::installs::{InstallRow, Proof, Status, Transition};
use crate::store::{Connection, Database, StoreError, audit, guest_store, installs, outbox, pins};

/// Before every change: also rows that never changed since changes are counted come after it.
pub(super) const NOTHING: i64 = -1;

/// The installs could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenInstallsError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master keys do not fit what is stored.
    #[error(transparent)]
    Keys(#[from] WrongKeys),
}

/// What became of a proven attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is the install now.
    Active,
    /// Another install is active there and is not known to be dead.
    Occupied,
    /// It ended, or was accepted by somebody else, meanwhile.
    Gone,
    /// Its `app_id` belongs to another app by now.
    Foreign,
    /// It was proven by a 2xx, is revoked, and Cloud says 403 now: only another 2xx restores it.
    TooWeak,
}

/// What moves the table, shared by every handle.
pub(super) struct Inner {
    pub(super) database: Database,
    pub(super) keyring: Arc<Keyring>,
    pub(super) uses: KeyUse,
    pub(super) live: Arc<LiveTable>,
    pub(super) clock: Arc<dyn Clock>,
    /// The `app_id` of each app, where the operator set it.
    pub(super) app_ids: BTreeMap<Slug, AppId>,
    /// Held from before a commit until the live table shows it, so that the table changes in the order of the commits.
    /// Taken after the transaction has begun: whoever waits for the database keeps nobody from reading it.
    pub(super) turn: Mutex<()>,
    /// The last change of a shared database that the live table shows.
    pub(super) changes_seen: AtomicI64,
    /// Of changes up to this one, those of ended installs need not be read any more.
    pub(super) ended_until: AtomicI64,
    /// How many ends of unknown installs each app was told of in this run.
    pub(super) unknown_ends: std::sync::Mutex<BTreeMap<Slug, u32>>,
}

/// The installs of this host. A cheap handle.
#[derive(Clone)]
pub struct Installs(pub(super) Arc<Inner>);

impl Installs {
    /// Checks the master keys against the database and loads the active installs.
    /// `app_ids` holds the `app_id` of each app where the operator set it.
    pub async fn open(
        database: Database,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        app_ids: BTreeMap<Slug, AppId>,
    ) -> Result<Self, OpenInstallsError> {
        let uses = KeyUse::new(database.clone(), keyring.clone());
        keys::check(&database, &keyring, &uses).await?;
        let live = Arc::new(LiveTable::default());
        let installs = Self(Arc::new(Inner {
            database,
            keyring,
            uses,
            live,
            clock,
            app_ids,
            turn: Mutex::new(()),
            changes_seen: AtomicI64::new(NOTHING),
            ended_until: AtomicI64::new(0),
            unknown_ends: std::sync::Mutex::default(),
        }));
        installs.load().await?;
        Ok(installs)
    }

    /// Takes other master keys in place of those in use, if they fit everything that is stored. Then every install is
    /// read again: some may be under a key that was not known before.
    pub async fn exchange_keys(&self, next: Keyring) -> Result<(), WrongKeys> {
        let installs = self.clone();
        to_its_end(async move { installs.exchange(next).await }).await
    }

    async fn exchange(&self, next: Keyring) -> Result<(), WrongKeys> {
        let database = self.database();
        database.bounded(keys::take_number(database, &next)).await?;
        database.bounded(self.replace_keys(next)).await?;
        if let Err(error) = database.bounded(self.load()).await {
            warn!(
                error = &error as &dyn std::error::Error,
                "The keys were exchanged, and the installs could not be read again; those that serve go on"
            );
        }
        Ok(())
    }

    /// Everything that can fail comes before the replacement.
    async fn replace_keys(&self, next: Keyring) -> Result<(), WrongKeys> {
        // Nobody seals meanwhile: nothing can be stored under a key that goes.
        let mut tx = self.0.database.write().await?;
        keys::fits(&mut tx, &next).await?;
        let _turn = self.0.turn.lock().await;
        self.0.keyring.replace(next);
        // Should the reading fail then, the follower of a shared database does it.
        self.0.changes_seen.store(NOTHING, Ordering::Relaxed);
        // Nothing was written: it is rolled back by whoever gets the connection back, and nobody waits for that.
        drop(tx);
        Ok(())
    }

    /// The table of active installs.
    pub fn live(&self) -> &Arc<LiveTable> {
        &self.0.live
    }

    /// The database under the installs, for the floors above.
    pub fn database(&self) -> &Database {
        &self.0.database
    }

    /// The keyring that opens their keys.
    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.0.keyring
    }

    /// Every install, each with its active or newest attempt.
    pub async fn list(&self) -> Result<Vec<InstallRow>, StoreError> {
        installs::list(&mut *self.0.database.read().await?).await
    }

    /// An attempt that can be proven: pending, or revoked earlier. None if it is neither.
    pub async fn provable(
        &self,
        install: &InstallId,
        attempt: i64,
    ) -> Result<Option<Attempt>, StoreError> {
        let row = installs::find(&mut *self.0.database.read().await?, install, attempt).await?;
        let provable = row.filter(|row| matches!(row.status, Status::Pending | Status::Revoked));
        Ok(provable.map(|row| Attempt::new(Tenant::new(row))))
    }

    /// The `app_id` of an app: what the operator set, else what an install has proven.
    pub async fn app_id_of(&self, slug: &Slug) -> Result<Option<AppId>, StoreError> {
        match self.0.app_ids.get(slug) {
            Some(configured) => Ok(Some(configured.clone())),
            None => pins::find(&mut *self.0.database.read().await?, slug).await,
        }
    }

    /// Forgets which `app_id` was pinned to an app: the next proven install pins it anew. Answers what was forgotten.
    pub async fn unpin(&self, slug: &Slug) -> Result<Option<AppId>, StoreError> {
        let mut tx = self.0.database.write().await?;
        let forgotten = pins::forget(&mut tx, slug).await?;
        if let Some(app) = &forgotten {
            let now = self.0.clock.now();
            audit::append(&mut tx, "unpinned", Some(slug), None, app.as_str(), now).await?;
        }
        tx.commit().await?;
        Ok(forgotten)
    }

    /// A stored attempt in whatever state, for telling its guest.
    pub async fn stored(
        &self,
        install: &InstallId,
        attempt: i64,
    ) -> Result<Option<Tenant>, StoreError> {
        let row = installs::find(&mut *self.0.database.read().await?, install, attempt).await?;
        Ok(row.map(Tenant::new))
    }

    /// The active install that an attempt would displace, and whether that needs proof of its death first:
    /// an install that only a 403 activated gives way to any 2xx.
    pub async fn in_the_way(
        &self,
        attempt: &Attempt,
        proof: Proof,
    ) -> Result<Option<Tenant>, StoreError> {
        let row = attempt.tenant().row();
        let mut connection = self.0.database.read().await?;
        // What is another app's by now displaces nothing: accepting it says so.
        if !self.belongs(&mut connection, &row.slug, &row.app).await? {
            return Ok(None);
        }
        for other in neighbours(&mut connection, row).await? {
            if self.stands(&mut connection, &other, proof).await? {
                return Ok(Some(Tenant::new(other)));
            }
        }
        Ok(None)
    }

    /// Whether a row is an active install that an attempt with this proof displaces only once its key is dead. One whose
    /// `app_id` was given to another app serves nobody and gives way, but not to a 403.
    async fn stands(
        &self,
        connection: &mut Connection,
        row: &InstallRow,
        proof: Proof,
    ) -> Result<bool, StoreError> {
        if row.status != Status::Active || gives_way(row, proof) {
            return Ok(false);
        }
        Ok(proof == Proof::Forbidden || self.belongs(connection, &row.slug, &row.app).await?)
    }

    /// Makes a proven attempt the install of its app and instance, in one transaction with everything that follows.
    /// `dead` is the install in the way whose key was shown to be dead, if there was one.
    pub async fn accept(
        &self,
        attempt: Attempt,
        proof: Proof,
        dead: Option<&Tenant>,
    ) -> Result<Accepted, StoreError> {
        let (installs, dead) = (self.clone(), dead.cloned());
        to_its_end(async move {
            let taking_over = installs.take_over(&attempt, proof, dead.as_ref());
            installs.database().bounded(taking_over).await
        })
        .await
    }

    async fn take_over(
        &self,
        attempt: &Attempt,
        proof: Proof,
        dead: Option<&Tenant>,
    ) -> Result<Accepted, StoreError> {
        let now = self.0.clock.now();
        let row = attempt.tenant().row();
        let mut tx = self.0.database.write().await?;
        let _turn = self.0.turn.lock().await;
        if !self.belongs(&mut tx, &row.slug, &row.app).await? {
            return Ok(Accepted::Foreign);
        }
        let mut displaced = Vec::new();
        for other in neighbours(&mut tx, row).await? {
            let same = other.install == row.install && other.attempt == row.attempt;
            // A 403 may come from the key of another instance: it takes nothing from a revoked install, whose own key
            // may be answered again.
            let stays = other.status == Status::Pending
                || (other.status != Status::Active && proof == Proof::Forbidden);
            if same || stays {
                continue;
            }
            let is_dead = dead.is_some_and(|dead| {
                dead.install_id() == &other.install && dead.attempt() == other.attempt
            });
            if !is_dead && self.stands(&mut tx, &other, proof).await? {
                return Ok(Accepted::Occupied);
            }
            displaced.push(other);
        }
        if proof == Proof::Forbidden && row.proof == Some(Proof::Answered) {
            return Ok(Accepted::TooWeak);
        }
        for other in &displaced {
            supersede(&mut tx, other, &row.install, now).await?;
        }
        // Above every other attempt of this install, so that no session of one ever fits another.
        let attempts = installs::attempts_of(&mut tx, &row.install).await?;
        let others = attempts.iter().filter(|other| other.attempt != row.attempt);
        let least_generation = others.map(|other| other.generation + 1).max().unwrap_or(1);
        let change = Transition::activation(proof, least_generation);
        let Some(active) = installs::transition(&mut tx, row, change, now).await? else {
            return Ok(Accepted::Gone);
        };
        let left = self.begin_anew(&mut tx, &active, now).await?;
        tx.commit().await?;
        for other in displaced.iter().chain(&left) {
            self.0.live.remove(&other.install);
        }
        self.0.live.put(Tenant::new(active));
        info!(install.id = %row.install, app = %row.slug, "Activated install {} of {}", row.install, row.slug);
        Ok(Accepted::Active)
    }

    /// What belongs to an activation: the pin, the guest's message, a clean store, the audit line. Answers the installs
    /// that serve no longer because the pin took their app from their slug.
    async fn begin_anew(
        &self,
        tx: &mut Connection,
        row: &InstallRow,
        now: UnixMillis,
    ) -> Result<Vec<InstallRow>, StoreError> {
        let mut left = Vec::new();
        if !self.0.app_ids.contains_key(&row.slug)
            && pins::pin(tx, &row.slug, &row.app, now).await?
        {
            audit::append(
                tx,
                "pinned",
                Some(&row.slug),
                Some(&row.install),
                row.app.as_str(),
                now,
            )
            .await?;
            left = leave(tx, row, now).await?;
        }
        // An earlier life of this very id that was not cleaned up yet must not show in the new one.
        if outbox::drop_waiting(tx, &row.install, outbox::Kind::Uninstalled).await? > 0 {
            guest_store::erase(tx, &row.install).await?;
        }
        outbox::add(
            tx,
            &row.install,
            row.attempt,
            outbox::Kind::Installed,
            now,
            now,
        )
        .await?;
        audit::append(
            tx,
            "activated",
            Some(&row.slug),
            Some(&row.install),
            &row.granted.joined(),
            now,
        )
        .await?;
        Ok(left)
    }

    /// Notes that Cloud refused the key of a pending attempt.
    pub async fn note_refused_attempt(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let mut tx = self.0.database.write().await?;
        installs::note_refusal(&mut tx, attempt.tenant().row(), self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Drops an attempt that was never proven.
    pub async fn discard(&self, attempt: Attempt) -> Result<(), StoreError> {
        let row = attempt.tenant().row();
        let mut tx = self.0.database.write().await?;
        installs::delete_pending(&mut tx, row).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// What holds a key in the place of an attempt: the same app and instance, also where the app had another slug when it
/// became active.
async fn neighbours(
    connection: &mut Connection,
    row: &InstallRow,
) -> Result<Vec<InstallRow>, StoreError> {
    let mut found = installs::living_at(connection, &row.slug, &row.instance).await?;
    found.retain(|other| other.app == row.app);
    let (app, instance) = (&row.app, &row.instance);
    found.extend(installs::living_elsewhere(connection, app, instance, &row.slug).await?);
    Ok(found)
}

/// Suspends the installs of an app in other instances that it has under another slug: that slug is not the app's any
/// more. Their keys stay, should it be given back.
async fn leave(
    tx: &mut Connection,
    row: &InstallRow,
    now: UnixMillis,
) -> Result<Vec<InstallRow>, StoreError> {
    let left = installs::active_elsewhere(tx, &row.app, &row.slug).await?;
    for other in &left {
        let change = Transition::suspension(Status::Revoked);
        installs::transition(tx, other, change, now).await?;
        let (slug, install, to) = (Some(&other.slug), Some(&other.install), row.slug.as_str());
        audit::append(
            tx,
            "revoked",
            slug,
            install,
            &format!("its app is {to} now"),
            now,
        )
        .await?;
        warn!(install.id = %other.install, app = %other.slug,
            "Revoked install {} of {}: its app is {to} now", other.install, other.slug);
    }
    Ok(left)
}

/// An install that only a 403 activated gives way to an attempt that Cloud answered.
fn gives_way(active: &InstallRow, proof: Proof) -> bool {
    active.proof == Some(Proof::Forbidden) && proof == Proof::Answered
}

/// Ends an install in favor of another.
async fn supersede(
    tx: &mut Connection,
    row: &InstallRow,
    by: &InstallId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let change = Transition::end(Status::Superseded);
    installs::transition(tx, row, change, now).await?;
    if row.install != *by {
        // Its records belong to an install that can't come back; the guest hears of it, then they are erased.
        outbox::add(
            tx,
            &row.install,
            row.attempt,
            outbox::Kind::Uninstalled,
            now,
            now,
        )
        .await?;
    }
    audit::append(
        tx,
        "superseded",
        Some(&row.slug),
        Some(&row.install),
        by.as_str(),
        now,
    )
    .await
}
