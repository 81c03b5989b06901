//! Where master keys come from.

use std::fmt;

use futures_util::future::BoxFuture;

use super::list::{InvalidKeyList, SecretList};
use crate::config::Secrets;

/// Brings the master keys into memory: once at start, and again when the operator says so; never for a request.
///
/// The variable and its file are the first implementation. One for a KMS or a Vault would unwrap the root over the
/// network here, which is why the answer is a future.
pub trait KeyProvider: Send + Sync {
    /// The master keys, newest first.
    fn master_keys(&self) -> BoxFuture<'_, Result<SecretList, ProviderError>>;
}

/// The master keys can't be had. Says why without repeating any of them.
#[derive(Debug, thiserror::Error)]
#[error("{origin}")]
pub struct ProviderError {
    /// Where they should come from.
    pub origin: String,
    /// Why not.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The master keys as configured: `AIRLOCK_MASTER_KEYS`, or the file that `AIRLOCK_MASTER_KEYS_FILE` names.
pub struct ConfiguredKeys<'a>(pub &'a Secrets);

impl ConfiguredKeys<'_> {
    fn read(&self) -> Result<SecretList, Box<dyn std::error::Error + Send + Sync>> {
        let text = self.0.master_keys()?;
        SecretList::parse('k', text).map_err(|error: InvalidKeyList| error.into())
    }
}

impl KeyProvider for ConfiguredKeys<'_> {
    fn master_keys(&self) -> BoxFuture<'_, Result<SecretList, ProviderError>> {
        let read = self.read().map_err(|source| ProviderError {
            origin: "AIRLOCK_MASTER_KEYS".to_owned(),
            source,
        });
        Box::pin(std::future::ready(read))
    }
}

impl fmt::Debug for ConfiguredKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfiguredKeys([redacted])")
    }
}
