//! Counting the uses of master keys: noted in the database in blocks, before the first use of a block. A crash loses
//! the rest of a block, so the count may be too high and is never too low.

use std::sync::Arc;

use tokio::sync::Mutex;
use tracing::warn;

use crate::secret::{Keyring, NoneGranted, UsePermit};
use crate::store::{Database, StoreError, key_usage};

/// Where counting warns and where it ends. Nonces are random, and NIST SP 800-38D allows 2^32 of them for one key (K5).
#[derive(Debug, Clone, Copy)]
pub(super) struct UseLimits {
    /// From here on the log says that the key should be exchanged.
    pub(super) warn: u64,
    /// Here the key seals no more.
    pub(super) refuse: u64,
    /// Uses that are noted at once.
    pub(super) block: u64,
}

const LIMITS: UseLimits = UseLimits {
    warn: 1 << 28,
    refuse: 1 << 31,
    block: 1024,
};

/// Nothing can be sealed.
#[derive(Debug, thiserror::Error)]
pub enum KeyUseError {
    /// The newest key was used as often as it may be.
    #[error(
        "master key k{0} was used as often as it may be; \
         try: airlock keys generate, put the new key before it, and airlock keys rotate"
    )]
    WornOut(u32),
    /// Others took the uses that had been counted. The next try counts more.
    #[error(transparent)]
    Busy(#[from] NoneGranted),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for KeyUseError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Gives out permits to use the newest master key. A cheap handle.
#[derive(Clone)]
pub(super) struct KeyUse {
    database: Database,
    keyring: Arc<Keyring>,
    limits: UseLimits,
    /// One writes the next block, the others find it.
    turn: Arc<Mutex<()>>,
}

impl KeyUse {
    pub(super) fn new(database: Database, keyring: Arc<Keyring>) -> Self {
        Self::within(database, keyring, LIMITS)
    }

    pub(super) fn within(database: Database, keyring: Arc<Keyring>, limits: UseLimits) -> Self {
        Self {
            database,
            keyring,
            limits,
            turn: Arc::default(),
        }
    }

    /// Makes sure that at least `wanted` uses are counted ahead, but for those that others take meanwhile. Writes only
    /// when they run out, in a transaction of its own: not to be called inside of another.
    pub(super) async fn prepare(&self, wanted: u64) -> Result<(), KeyUseError> {
        if self.keyring.granted() >= wanted {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        if self.keyring.granted() >= wanted {
            return Ok(());
        }
        let key = self.keyring.newest_id();
        let mut tx = self.database.write().await?;
        let counted = key_usage::find(&mut tx, key).await?;
        let left = self.limits.refuse.saturating_sub(counted);
        let block = self.limits.block.max(wanted).min(left);
        if block == 0 && self.keyring.granted() == 0 {
            return Err(KeyUseError::WornOut(key));
        }
        key_usage::add(&mut tx, key, block).await?;
        tx.commit().await?;
        self.keyring.grant(key, block);
        if counted + block >= self.limits.warn {
            warn!(key = %format_args!("k{key}"), alarm = true,
                "Master key k{key} was used {} times; at {} it seals no more. Make a new one: airlock keys generate, \
                 then airlock keys rotate", counted + block, self.limits.refuse);
        }
        Ok(())
    }

    /// One counted use. To be prepared first.
    pub(super) fn permit(&self) -> Result<UsePermit, KeyUseError> {
        Ok(self.keyring.permit()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DatabaseUrl;
    use crate::secret::SecretList;

    fn keyring(secret: &secrecy::SecretString) -> Arc<Keyring> {
        Arc::new(Keyring::new(SecretList::parse('k', secret).unwrap()).unwrap())
    }

    #[tokio::test]
    async fn k5_uses_are_counted_ahead_and_end_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        let database = Database::open(&url).await.unwrap();
        let limits = UseLimits {
            warn: 15,
            refuse: 25,
            block: 10,
        };
        let secret = SecretList::generate('k', 3);
        let first = keyring(&secret);
        let uses = KeyUse::within(database.clone(), first.clone(), limits);
        let counted = async || {
            let mut connection = database.read().await.unwrap();
            key_usage::find(&mut connection, 3).await.unwrap()
        };
        assert!(matches!(uses.permit(), Err(KeyUseError::Busy(_))));
        for taken in 1..=10 {
            uses.prepare(1).await.unwrap();
            drop(uses.permit().unwrap());
            assert_eq!((counted().await, first.granted()), (10, 10 - taken));
        }
        uses.prepare(4).await.unwrap();
        drop(uses.permit().unwrap());
        // A crash: the same key in a new process. What was left of the block is lost, and counted.
        let again = keyring(&secret);
        let uses = KeyUse::within(database.clone(), again.clone(), limits);
        assert_eq!((counted().await, again.granted()), (20, 0));
        for _ in 0..5 {
            uses.prepare(1).await.unwrap();
            drop(uses.permit().unwrap());
        }
        assert_eq!(counted().await, 25);
        let error = uses.prepare(1).await.unwrap_err();
        assert!(matches!(error, KeyUseError::WornOut(3)), "{error}");
        assert!(error.to_string().contains("airlock keys generate"));
        assert!(uses.permit().is_err());
        assert_eq!(counted().await, 25, "a refusal counts nothing");
        // Another key is as good as new.
        let other = keyring(&SecretList::generate('k', 4));
        let uses = KeyUse::within(database.clone(), other, limits);
        uses.prepare(1).await.unwrap();
        drop(uses.permit().unwrap());
    }
}
