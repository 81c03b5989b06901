//! Proving a key: one cheap read tells whether it is live and bound to its instance.

use std::time::Duration;

use super::outbound::Outbound;
use super::path::CloudPath;
use super::permit::Cloud;
use crate::install::Tenant;
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
}

impl Cloud {
    /// Asks Cloud about the key of a stored install, active or not, for at most `within`.
    pub async fn prove(&self, tenant: &Tenant, within: Duration) -> ProofOutcome {
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
