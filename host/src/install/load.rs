//! Reading the installs into memory: at start, and when the keys were exchanged.

use std::sync::atomic::Ordering;

use tracing::{info, warn};

use super::lifecycle::Installs;
use super::tenant::Tenant;
use crate::model::UnixMillis;
use crate::store::installs::{self, InstallRow, Status, Transition};
use crate::store::{Connection, StoreError, audit, changes, outbox};

impl Installs {
    /// Reads the active installs in place of those that were known. One whose key does not open is marked, and one whose
    /// `app_id` is no longer that of its app is left out: neither serves anybody.
    pub(super) async fn load(&self) -> Result<(), StoreError> {
        let now = self.0.clock.now();
        // Nothing changes between the reading and the table.
        let mut tx = self.0.database.write().await?;
        let _turn = self.0.turn.lock().await;
        self.restore_readable(&mut tx, now).await?;
        let pins = self.pins(&mut tx).await?;
        let mut serving = Vec::new();
        for row in installs::with_status(&mut tx, Status::Active).await? {
            let belongs = self.belongs_by(&pins, &row.slug, &row.app);
            let tenant = Tenant::new(row);
            if tenant.open_key(&self.0.keyring).is_err() {
                self.leave_out(&mut tx, tenant.row(), now).await?;
            } else if belongs {
                serving.push(tenant);
            } else {
                warn!(install.id = %tenant.install_id(), app = %tenant.slug(), alarm = true,
                    "Left out install {}: its `app_id` is not the one of {}", tenant.install_id(), tenant.slug());
            }
        }
        let number = if self.0.database.is_shared() {
            changes::numbers(&mut tx).await?.installs
        } else {
            0
        };
        tx.commit().await?;
        self.0.live.reset(serving);
        self.0.ended_until.store(number, Ordering::Relaxed);
        self.0.changes_seen.store(number, Ordering::Relaxed);
        Ok(())
    }

    /// Marks an install whose key does not open. One under a key that is not here is only left out: another host knows
    /// that key, and this one reads it again when its keys are exchanged.
    async fn leave_out(
        &self,
        tx: &mut Connection,
        row: &InstallRow,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let key = row.api_key.as_ref();
        let is_unknown = key.is_some_and(|key| self.0.keyring.lacks_key_of(key));
        if self.0.database.is_shared() && is_unknown {
            warn!(install.id = %row.install, app = %row.slug, alarm = true,
                "Left out install {}: it is sealed under a master key that is not here. \
                 Add the key to AIRLOCK_MASTER_KEYS and send SIGHUP", row.install);
            return Ok(());
        }
        let change = Transition::suspension(Status::KeyUnreadable);
        installs::transition(tx, row, change, now).await?;
        let (slug, install) = (Some(&row.slug), Some(&row.install));
        audit::append(tx, "key_unreadable", slug, install, "", now).await?;
        warn!(install.id = %row.install, app = %row.slug,
            "The key of install {} does not open: its row was altered, or the master key is another. \
             The user must install the app again", row.install);
        Ok(())
    }

    /// Keys that could not be read and open now. They are proven anew before they serve: an attempt at once, what was
    /// active before at its next launch, as a revoked one is.
    async fn restore_readable(
        &self,
        tx: &mut Connection,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        for row in installs::with_status(tx, Status::KeyUnreadable).await? {
            let tenant = Tenant::new(row);
            if tenant.open_key(&self.0.keyring).is_err() {
                continue;
            }
            let row = tenant.row();
            let status = if row.proof.is_some() {
                Status::Revoked
            } else {
                Status::Pending
            };
            let change = Transition::suspension(status);
            installs::transition(tx, row, change, now).await?;
            if status == Status::Pending {
                let prove = outbox::Kind::Prove;
                outbox::add_anew(tx, &row.install, row.attempt, prove, now, now).await?;
            }
            let (slug, install) = (Some(&row.slug), Some(&row.install));
            audit::append(tx, "key_readable", slug, install, status.as_str(), now).await?;
            info!(install.id = %row.install, app = %row.slug,
                "The key of install {} opens again; it is proven before it serves", row.install);
        }
        Ok(())
    }
}
