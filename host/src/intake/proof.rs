//! Proving the key of an attempt, and what follows from Cloud's answer.

use std::time::Duration;

use tracing::{info, warn};

use super::Intake;
use crate::cloud::ProofOutcome;
use crate::install::refusal::REFUSAL_GAP;
use crate::install::{Accepted, Attempt, Tenant};
use crate::store::StoreError;
use crate::store::installs::{Proof, Status};
use crate::store::outbox::Work;

/// Patience with Cloud in the background.
const PATIENCE: Duration = Duration::from_secs(8);
/// Patience with Cloud while a launch waits.
const LAUNCH_PATIENCE: Duration = Duration::from_millis(1500);
/// An attempt that Cloud refused is erased after this time.
const REFUSED_LIFE: Duration = Duration::from_hours(24);

/// What a proof on the spot gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proved {
    /// The attempt is the install now.
    Accepted,
    /// Cloud refused the key, or another install is active there.
    Refused,
    /// Cloud did not say.
    Unanswered,
    /// The attempt ended or became the install meanwhile: whoever wants to know looks again.
    Changed,
}

impl Intake {
    /// Proves an attempt on the spot, once, because a launch waits for it.
    pub async fn prove(&self, attempt: Attempt) -> Result<Proved, StoreError> {
        let parts = &self.0.parts;
        match parts.cloud.prove(attempt.tenant(), LAUNCH_PATIENCE).await? {
            ProofOutcome::Unanswered => Ok(Proved::Unanswered),
            ProofOutcome::Refused => Ok(Proved::Refused),
            ProofOutcome::Gone => Ok(Proved::Changed),
            ProofOutcome::Proven(proof) => {
                match parts.installs.accept(attempt, proof, None).await? {
                    Accepted::Active => {
                        self.notify();
                        Ok(Proved::Accepted)
                    }
                    Accepted::Gone => Ok(Proved::Changed),
                    Accepted::Occupied | Accepted::Foreign | Accepted::TooWeak => {
                        Ok(Proved::Refused)
                    }
                }
            }
        }
    }

    /// Proves an attempt from the outbox.
    pub(super) async fn prove_attempt(&self, work: &Work) -> Result<(), StoreError> {
        let parts = &self.0.parts;
        let attempt = parts.installs.provable(&work.install, work.attempt).await?;
        let Some(attempt) = attempt.filter(|attempt| attempt.tenant().status() == Status::Pending)
        else {
            // One whose key does not open is proven anew, as work of its own, when it does.
            return self.finish(work).await;
        };
        match parts.cloud.prove(attempt.tenant(), PATIENCE).await? {
            ProofOutcome::Proven(proof) => self.settle(work, attempt, proof).await,
            ProofOutcome::Unanswered => self.retry(work, "Cloud did not answer").await,
            ProofOutcome::Refused => self.refused(work, attempt, "Cloud refused the key").await,
            // Found out with the next try, which reads what it became.
            ProofOutcome::Gone => self.retry(work, "the attempt has changed").await,
        }
    }

    /// The key is live. It takes over unless another install is active there and not known to be dead.
    async fn settle(&self, work: &Work, attempt: Attempt, proof: Proof) -> Result<(), StoreError> {
        let installs = &self.0.parts.installs;
        let in_the_way = installs.in_the_way(&attempt, proof).await?;
        let dead = match &in_the_way {
            Some(other) if proof == Proof::Answered && self.is_dead(other).await? => Some(other),
            Some(_) => {
                warn!(install.id = %work.install, app = %attempt.tenant().slug(), alarm = true,
                    "An attempt has a live key, but the active install of the same app and instance is alive too");
                return self
                    .refused(work, attempt, "another install is active there")
                    .await;
            }
            None => None,
        };
        match installs.accept(attempt, proof, dead).await? {
            // What is too weak was active once; only a launch brings it back.
            Accepted::Active | Accepted::Gone | Accepted::TooWeak => self.finish(work).await,
            Accepted::Foreign => {
                warn!(install.id = %work.install, alarm = true,
                    "Dropped an attempt whose `app_id` is another app's by now");
                if let Some(attempt) = installs.provable(&work.install, work.attempt).await? {
                    installs.discard(attempt).await?;
                }
                self.finish(work).await
            }
            Accepted::Occupied => self.retry(work, "another install is active there").await,
        }
    }

    /// A key is dead when Cloud refuses it twice, 5 s apart. Each proof reads the install anew: one that ended meanwhile
    /// has no key to send.
    async fn is_dead(&self, tenant: &Tenant) -> Result<bool, StoreError> {
        let cloud = &self.0.parts.cloud;
        if cloud.prove(tenant, PATIENCE).await? != ProofOutcome::Refused {
            return Ok(false);
        }
        tokio::time::sleep(REFUSAL_GAP).await;
        Ok(cloud.prove(tenant, PATIENCE).await? == ProofOutcome::Refused)
    }

    async fn refused(&self, work: &Work, attempt: Attempt, reason: &str) -> Result<(), StoreError> {
        let parts = &self.0.parts;
        parts.installs.note_refused_attempt(&attempt).await?;
        if parts.clock.now().since(work.created_at) < REFUSED_LIFE {
            return self.retry(work, reason).await;
        }
        info!(install.id = %work.install, app = %attempt.tenant().slug(),
            "Dropped an attempt to install: its key was not accepted for 24 hours");
        parts.installs.discard(attempt).await?;
        self.finish(work).await
    }
}
