//! What Cloud says about an active key while it is used: answered, or refused (401).

use std::time::Duration;

use tracing::warn;

use super::lifecycle::Installs;
use super::tenant::Tenant;
use crate::store::installs::{Status, Transition};
use crate::store::{StoreError, audit, installs};

/// Two refusals of an active key count only when they are this far apart.
pub const REFUSAL_GAP: Duration = Duration::from_secs(5);

impl Installs {
    /// Cloud answered a call with this install's key. An answer to a key that is no longer the install's says nothing.
    pub fn note_answered(&self, tenant: &Tenant) {
        if self.0.live.check_current(tenant).is_ok() {
            self.0.live.clear_refusal(tenant.install_id());
        }
    }

    /// Cloud refused an active key (401). The second refusal, at least 5 s after the first, revokes the install.
    /// Answers whether it is revoked now.
    pub async fn note_refused_key(&self, tenant: &Tenant) -> Result<bool, StoreError> {
        // A slow call may come back with a key that another attempt has superseded: that is not held against the new one.
        if self.0.live.check_current(tenant).is_err() {
            return Ok(false);
        }
        let now = self.0.clock.now();
        let first = self.0.live.note_refusal(tenant.install_id(), now);
        if now.since(first) < REFUSAL_GAP {
            return Ok(false);
        }
        // A task of its own: the call that noticed may be cut at any moment, and table and database must not part.
        let (installs, tenant) = (self.clone(), tenant.clone());
        let revoking =
            tokio::spawn(
                async move { installs.database().bounded(installs.revoke(&tenant)).await },
            );
        revoking.await.unwrap_or(Ok(false))
    }

    async fn revoke(&self, tenant: &Tenant) -> Result<bool, StoreError> {
        let now = self.0.clock.now();
        let mut tx = self.0.database.write().await?;
        let _turn = self.0.turn.lock().await;
        let change = Transition::suspension(Status::Revoked);
        let revoked = installs::transition(&mut tx, tenant.row(), change, now)
            .await?
            .is_some();
        if revoked {
            let (slug, install) = (Some(tenant.slug()), Some(tenant.install_id()));
            audit::append(&mut tx, "revoked", slug, install, "", now).await?;
        }
        tx.commit().await?;
        // Also where its row is not as it stands here: whatever it has become, this is not it.
        self.0.live.remove_attempt(tenant);
        if revoked {
            warn!(install.id = %tenant.install_id(), app = %tenant.slug(),
                "Revoked install {}: Cloud refused its key twice", tenant.install_id());
        }
        Ok(revoked)
    }
}
