//! Proving a key: one cheap read tells whether it is live and bound to its instance.

use std::time::Duration;

use super::outbound::Outbound;
use super::path::CloudPath;
use super::permit::Cloud;
use crate::install::Tenant;
use crate::store::StoreError;
use crate::store::installs::Proof;

/// Longest reply to the read in bytes; only its status counts.
const MAX_REPLY: usize = 256 * 1024;

/// What Cloud says about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofOutcome {
    /// It is live.
    Proven(Proof),
    /// Cloud refused it (401).
    Refused,
    /// Cloud did not say: no answer, an error of its own, too many calls.
    Unanswered,
    /// Cloud was not asked: the install is no longer what it was.
    Gone,
}

impl Cloud {
    /// Asks Cloud about the key of a stored install, active or not, for at most `within`. The install is read anew
    /// first: a key that was erased since `tenant` was read is not sent.
    pub async fn prove(
        &self,
        tenant: &Tenant,
        within: Duration,
    ) -> Result<ProofOutcome, StoreError> {
        let stored = self
            .installs()
            .stored(tenant.install_id(), tenant.attempt())
            .await?;
        let same = |now: &Tenant| {
            now.status() == tenant.status() && now.generation() == tenant.generation()
        };
        match stored.filter(same) {
            Some(tenant) => Ok(self.ask(&tenant, within).await),
            None => Ok(ProofOutcome::Gone),
        }
    }

    async fn ask(&self, tenant: &Tenant, within: Duration) -> ProofOutcome {
        let request = Outbound::get(CloudPath::fixed(&["data", "ledgers"]))
            .query(vec![("pageSize".to_owned(), "1".to_owned())]);
        let exchange = self
            .transport()
            .exchange(self.installs(), tenant, &request, MAX_REPLY);
        let status = match tokio::time::timeout(within, exchange).await {
            Ok(Ok(reply)) => reply.status.as_u16(),
            Ok(Err(_)) | Err(_) => return ProofOutcome::Unanswered,
        };
        match status {
            200..=299 => ProofOutcome::Proven(Proof::Answered),
            401 => ProofOutcome::Refused,
            403 => ProofOutcome::Proven(Proof::Forbidden),
            _ => ProofOutcome::Unanswered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Callers, Reaction, Server};
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn the_key_of_an_install_that_was_uninstalled_meanwhile_is_not_sent() {
        let server = Server::start(|_| Reaction::json(401, "{}")).await;
        let callers = Callers::of(&server).await;
        let active = callers.install("kyc").await;
        let pending = callers.attempt("other").await;
        for tenant in [&active, pending.tenant()] {
            let outcome = callers.cloud.prove(tenant, PATIENCE).await.unwrap();
            assert_eq!(outcome, ProofOutcome::Refused);
        }
        assert_eq!(server.connections(), 2);
        for tenant in [&active, pending.tenant()] {
            callers.uninstall(tenant).await;
            let outcome = callers.cloud.prove(tenant, PATIENCE).await.unwrap();
            assert_eq!(outcome, ProofOutcome::Gone);
        }
        assert_eq!(server.connections(), 2, "not a byte more");
    }

    #[tokio::test]
    async fn an_attempt_that_was_accepted_meanwhile_is_not_proven_as_what_it_was() {
        let server = Server::start(|_| Reaction::json(200, "{}")).await;
        let callers = Callers::of(&server).await;
        let attempt = callers.attempt("kyc").await;
        let active = callers.install("kyc").await;
        let outcome = callers.cloud.prove(attempt.tenant(), PATIENCE).await;
        assert_eq!(outcome.unwrap(), ProofOutcome::Gone);
        let outcome = callers.cloud.prove(&active, PATIENCE).await;
        assert_eq!(outcome.unwrap(), ProofOutcome::Proven(Proof::Answered));
    }
}
