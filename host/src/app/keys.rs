//! Master keys and session secrets: read at start, and exchanged while the host runs.

use anyhow::Context as _;
use tracing::info;

use crate::config::Secrets;
use crate::install::Installs;
use crate::secret::{ConfiguredKeys, KeyProvider, Keyring, SecretList, Signer};

/// The signer of tokens, from the list of secrets or from the platform's own variable.
pub fn signer(secrets: &Secrets) -> anyhow::Result<Signer> {
    if let Some(list) = &secrets.session_secrets {
        return Ok(Signer::new(
            SecretList::parse('s', list).context("AIRLOCK_SESSION_SECRETS")?,
        ));
    }
    let Some(secret) = &secrets.session_secret else {
        anyhow::bail!(
            "AIRLOCK_SESSION_SECRETS is not set: it signs portal sessions; \
             try: airlock keys generate, or set SESSION_SECRET to at least 32 random bytes"
        );
    };
    Signer::from_session_secret(secret).context("SESSION_SECRET must be at least 32 random bytes")
}

/// The keyring of the configured master keys, none of which may sign sessions too.
pub(super) async fn keyring(secrets: &Secrets) -> anyhow::Result<Keyring> {
    let roots = ConfiguredKeys(secrets).master_keys().await?;
    let sessions = secrets.session_secrets.as_ref();
    // A list that does not parse is told by the signer.
    let sessions = sessions.and_then(|list| SecretList::parse('s', list).ok());
    let in_list = sessions.is_some_and(|list| roots.shares_a_key_with(&list));
    let platform = secrets.session_secret.as_ref();
    if in_list || platform.is_some_and(|secret| roots.is_one_of(secret)) {
        anyhow::bail!(
            "a session secret is also a master key: whoever learns one would have both; \
             try: airlock keys generate, and set AIRLOCK_SESSION_SECRETS to the new secret"
        );
    }
    Keyring::new(roots).context("AIRLOCK_MASTER_KEYS")
}

/// Exchanges the keys of a running host.
#[derive(Clone)]
pub struct KeyReload {
    pub(super) installs: Installs,
    pub(super) signer: Signer,
}

impl KeyReload {
    /// Takes new master keys and session secrets into use, both or neither: on an error the old ones stay.
    pub async fn reload(&self, secrets: &Secrets) -> anyhow::Result<()> {
        let next_signer = signer(secrets)?;
        let next = keyring(secrets).await?;
        let before = (self.installs.keyring().ids(), self.signer.names());
        self.installs
            .exchange_keys(next)
            .await
            .context("the master keys do not fit what is stored")?;
        self.signer.replace(&next_signer);
        let after = (self.installs.keyring().ids(), self.signer.names());
        if before == after {
            info!("Read the keys again: the same names as before");
            return Ok(());
        }
        let names =
            |ids: &[u32]| -> Vec<String> { ids.iter().map(|id| format!("k{id}")).collect() };
        info!(
            "Read the keys again: master keys {} (before: {}), session secrets {} (before: {})",
            names(&after.0).join(", "),
            names(&before.0).join(", "),
            after.1.join(", "),
            before.1.join(", "),
        );
        Ok(())
    }
}
