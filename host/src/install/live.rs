//! The live table: which installs are active right now, in memory.
//!
//! The transaction that changes a status updates this table before its event is answered, so no request has to ask the
//! database whether its install still lives. A running host is the only writer of its `SQLite` database.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::tenant::Tenant;
use crate::model::{InstallId, UnixMillis};

/// Active installs, and which of their keys was refused last.
#[derive(Debug, Default)]
pub struct LiveTable {
    active: RwLock<HashMap<InstallId, Tenant>>,
    refused: RwLock<HashMap<InstallId, UnixMillis>>,
}

impl LiveTable {
    /// The active install of that id.
    pub(super) fn find(&self, install: &InstallId) -> Option<Tenant> {
        self.active
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(install)
            .cloned()
    }

    /// Whether this very install, at this generation, is still active.
    pub fn is_current(&self, tenant: &Tenant) -> bool {
        self.find(tenant.install_id()).is_some_and(|now| {
            now.attempt() == tenant.attempt() && now.generation() == tenant.generation()
        })
    }

    pub(super) fn put(&self, tenant: Tenant) {
        self.clear_refusal(tenant.install_id());
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        active.insert(tenant.install_id().clone(), tenant);
    }

    pub(super) fn remove(&self, install: &InstallId) {
        self.clear_refusal(install);
        self.active
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(install);
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
