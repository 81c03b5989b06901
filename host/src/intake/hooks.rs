//! Telling guests that they were installed or uninstalled, and erasing what an ended install has stored.

use std::time::Duration;

use tracing::{info, warn};

use super::Intake;
use crate::install::Tenant;
use crate::runtime::{Delivery, HookOutcome};
use crate::store::StoreError;
use crate::store::installs::Status;
use crate::store::outbox::{Kind, Work};

/// A hook that keeps failing is given up after this time.
const HOOK_LIFE: Duration = Duration::from_hours(24);

impl Intake {
    /// Tells a guest that it was installed, unless it has ended meanwhile; while its key is refused, that waits.
    pub(super) async fn tell_installed(&self, work: &Work) -> Result<(), StoreError> {
        let parts = &self.0.parts;
        let Some(tenant) = parts.installs.stored(&work.install, work.attempt).await? else {
            return self.finish(work).await;
        };
        match tenant.status() {
            Status::Active => {}
            // Its key may be taken again one day, and then the guest must have heard.
            Status::Revoked => return self.postpone(work, "its key is refused").await,
            // The same with a key that may open again, once its master key is back.
            Status::KeyUnreadable => return self.postpone(work, "its key does not open").await,
            Status::Pending | Status::Superseded | Status::Uninstalled => {
                return self.finish(work).await;
            }
        }
        let outcome = parts.runtime.installed(&tenant, delivery(work)).await;
        self.conclude(work, &tenant, outcome).await
    }

    /// Tells a guest that it was uninstalled, without a key; whatever it says, its records are erased in the end.
    pub(super) async fn tell_uninstalled(&self, work: &Work) -> Result<(), StoreError> {
        let parts = &self.0.parts;
        let Some(tenant) = parts.installs.stored(&work.install, work.attempt).await? else {
            return self.finish(work).await;
        };
        let outcome = parts.runtime.uninstalled(&tenant, delivery(work)).await;
        self.conclude(work, &tenant, outcome).await
    }

    /// Ends the work or sets it to another try. Records are erased before the work is marked as ended, so that a crash
    /// between the two erases them again instead of never.
    async fn conclude(
        &self,
        work: &Work,
        tenant: &Tenant,
        outcome: HookOutcome,
    ) -> Result<(), StoreError> {
        let too_old = self.0.parts.clock.now().since(work.created_at) >= HOOK_LIFE;
        let parked = match outcome {
            HookOutcome::Done | HookOutcome::NotExported => None,
            HookOutcome::Retry(reason) if !too_old => return self.retry(work, &reason).await,
            HookOutcome::Retry(reason) | HookOutcome::GiveUp(reason) => Some(reason),
        };
        if work.kind == Kind::Uninstalled {
            self.erase_records(tenant).await?;
        }
        let Some(reason) = parked else {
            return self.finish(work).await;
        };
        // The guest's words are a field, which is quoted, so that they can't pretend to be other fields.
        warn!(install.id = %work.install, app = %tenant.slug(), kind = work.kind.as_str(),
            reason = reason.as_str(), "Parked a guest's hook");
        self.park(work, &reason).await
    }

    /// Erases the records of an ended install, unless the same install has come back.
    async fn erase_records(&self, tenant: &Tenant) -> Result<(), StoreError> {
        if !self.0.parts.guest_store.erase_ended(tenant).await? {
            return Ok(());
        }
        info!(install.id = %tenant.install_id(), app = %tenant.slug(),
            "Erased the records of install {}", tenant.install_id());
        Ok(())
    }
}

fn delivery(work: &Work) -> Delivery {
    let attempt = u32::try_from(work.tries)
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    Delivery {
        id: work.run_id.clone(),
        attempt,
    }
}
