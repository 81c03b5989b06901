//! The live table: which installs are active right now, in memory.
//!
//! The transaction that changes a status updates this table before its event is answered, so no request has to ask the
//! database whether its install still lives. On a shared database the changes of other hosts are brought in by
//! [`super::follow()`]; where that fails for too long, the table says so and nobody is let in.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

use super::tenant::Tenant;
use crate::model::{InstallId, UnixMillis};

/// A picture older than this is not acted on.
pub const MAX_AGE: Duration = Duration::from_secs(5);

/// The database has not been heard for so long that installs may have ended unnoticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what is known of the installs is older than {} s", MAX_AGE.as_secs())]
pub struct Stale;

/// Why a tenant may do nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCurrent {
    /// It has ended, or was replaced.
    #[error("the install has ended")]
    Ended,
    /// Nobody knows at the moment.
    #[error(transparent)]
    Stale(#[from] Stale),
}

/// When the table was last compared with a database that others write to as well.
#[derive(Debug, Default, Clone, Copy)]
enum Compared {
    /// Nobody else writes: it need not be.
    #[default]
    NeedNot,
    /// Others write, and it was not compared since it is followed.
    NotYet,
    At(Instant),
}

/// Active installs, and which of their keys was refused last.
#[derive(Debug, Default)]
pub struct LiveTable {
    active: RwLock<HashMap<InstallId, Tenant>>,
    refused: RwLock<HashMap<InstallId, UnixMillis>>,
    compared: RwLock<Compared>,
}

impl LiveTable {
    /// The active install of that id.
    pub(crate) fn find(&self, install: &InstallId) -> Result<Option<Tenant>, Stale> {
        let compared = *self.compared.read().unwrap_or_else(PoisonError::into_inner);
        let is_stale = match compared {
            Compared::NeedNot => false,
            Compared::NotYet => true,
            Compared::At(then) => then.elapsed() > MAX_AGE,
        };
        if is_stale {
            return Err(Stale);
        }
        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
        Ok(active.get(install).cloned())
    }

    /// Whether this very install, at this generation, is still active.
    pub fn check_current(&self, tenant: &Tenant) -> Result<(), NotCurrent> {
        let now = self.find(tenant.install_id())?;
        let same = now.is_some_and(|now| {
            now.attempt() == tenant.attempt() && now.generation() == tenant.generation()
        });
        if same { Ok(()) } else { Err(NotCurrent::Ended) }
    }

    /// Notes that others write as well: until the table is compared, it answers nothing.
    pub(super) fn is_followed(&self) {
        self.set_compared(Compared::NotYet);
    }

    /// Notes that the table showed everything that was committed before `then`.
    pub(super) fn compared(&self, then: Instant) {
        self.set_compared(Compared::At(then));
    }

    fn set_compared(&self, to: Compared) {
        let mut compared = self
            .compared
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *compared = to;
    }

    /// Takes everything out that is not among these attempts.
    pub(super) fn keep_only(&self, attempts: &HashSet<(InstallId, i64)>) {
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        active.retain(|install, tenant| attempts.contains(&(install.clone(), tenant.attempt())));
    }

    pub(super) fn put(&self, tenant: Tenant) {
        self.clear_refusal(tenant.install_id());
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        active.insert(tenant.install_id().clone(), tenant);
    }

    /// Puts the same install, its key sealed anew, in its own place; one that has ended or changed stays as it is.
    pub(super) fn replace(&self, tenant: Tenant) {
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = active.get_mut(tenant.install_id())
            && known.attempt() == tenant.attempt()
            && known.generation() == tenant.generation()
        {
            *known = tenant;
        }
    }

    /// Puts these installs in place of all that were there. Refusals of the same attempts still count.
    pub(super) fn reset(&self, tenants: Vec<Tenant>) {
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        let fresh: HashMap<InstallId, Tenant> = tenants
            .into_iter()
            .map(|tenant| (tenant.install_id().clone(), tenant))
            .collect();
        let stays = |install: &InstallId| match (active.get(install), fresh.get(install)) {
            (Some(before), Some(now)) => before.attempt() == now.attempt(),
            _ => false,
        };
        let mut refused = self.refused.write().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|install, _| stays(install));
        *active = fresh;
    }

    pub(super) fn remove(&self, install: &InstallId) {
        self.clear_refusal(install);
        self.active
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(install);
    }

    /// Takes an attempt out, if it is the one that is active.
    pub(super) fn remove_attempt(&self, tenant: &Tenant) {
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        let same = active
            .get(tenant.install_id())
            .is_some_and(|now| now.attempt() == tenant.attempt());
        if same {
            active.remove(tenant.install_id());
        }
    }

    /// Notes that Cloud refused the key at `now`; answers when it was first refused in this row of refusals.
    pub(super) fn note_refusal(&self, install: &InstallId, now: UnixMillis) -> UnixMillis {
        let mut refused = self.refused.write().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(install.clone()).or_insert(now)
    }

    /// A call was answered: earlier refusals count no more.
    pub(super) fn clear_refusal(&self, install: &InstallId) {
        let known = self
            .refused
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(install);
        if known {
            self.refused
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(install);
        }
    }
}
