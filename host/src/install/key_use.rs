//! Counting the uses of master keys: noted in the database in blocks, before the first use of a block. A crash loses
//! the rest of a block, so the count may be too high and is never too low.

use std::sync::Arc;

use sqlx::{Any, Transaction};
use tokio::sync::Mutex;
use tracing::warn;

use crate::secret::{Keyring, NoneGranted, UseBatch};
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
    /// More was sealed than uses were taken for it.
    #[error(transparent)]
    TooFew(#[from] NoneGranted),
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

    /// Begins a writing transaction with as many counted uses of the newest key. The keys are not exchanged while it
    /// lasts, since that is done in such a transaction too: whatever is sealed in it is of a key that is in use when it
    /// commits.
    pub(super) async fn begin(
        &self,
        wanted: u64,
    ) -> Result<(Transaction<'static, Any>, UseBatch), KeyUseError> {
        loop {
            let batch = self.prepare(wanted).await?;
            let tx = self.database.write().await?;
            if self.keyring.is_current(&batch) {
                return Ok((tx, batch));
            }
        }
    }

    /// Takes as many counted uses. Writes only when they run out, in a transaction of its own: not to be called inside of
    /// another.
    pub(super) async fn prepare(&self, wanted: u64) -> Result<UseBatch, KeyUseError> {
        if let Ok(batch) = self.keyring.reserve(wanted) {
            return Ok(batch);
        }
        let _turn = self.turn.lock().await;
        loop {
            if let Ok(batch) = self.keyring.reserve(wanted) {
                return Ok(batch);
            }
            if let Some(batch) = self.database.bounded(self.count(wanted)).await? {
                return Ok(batch);
            }
        }
    }

    /// Counts one more block. None where the keys were exchanged meanwhile.
    async fn count(&self, wanted: u64) -> Result<Option<UseBatch>, KeyUseError> {
        let key = self.keyring.newest_id();
        let mut tx = self.database.write().await?;
        let counted = key_usage::find(&mut tx, key).await?;
        let left = self.limits.refuse.saturating_sub(counted);
        let block = self.limits.block.max(wanted).min(left);
        // What others give back may still do.
        if block == 0 {
            return match self.keyring.reserve(wanted) {
                Ok(batch) => Ok(Some(batch)),
                Err(NoneGranted) => Err(KeyUseError::WornOut(key)),
            };
        }
        key_usage::add(&mut tx, key, block).await?;
        tx.commit().await?;
        if counted + block >= self.limits.warn {
            warn!(key = %format_args!("k{key}"), alarm = true,
                "Master key k{key} was used {} times; at {} it seals no more. Make a new one: airlock keys generate, \
                 then airlock keys rotate", counted + block, self.limits.refuse);
        }
        Ok(self.keyring.grant_and_reserve(key, block, wanted))
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
        for taken in 1..=10 {
            drop(uses.prepare(1).await.unwrap().permit().unwrap());
            assert_eq!((counted().await, first.granted()), (10, 10 - taken));
        }
        let mut batch = uses.prepare(4).await.unwrap();
        for _ in 0..4 {
            drop(batch.permit().unwrap());
        }
        assert_eq!(batch.permit().map(drop), Err(NoneGranted));
        drop(batch);
        assert_eq!(first.granted(), 6);
        drop(uses.prepare(5).await.unwrap());
        assert_eq!(first.granted(), 6, "what is not used goes back");
        // A crash: the same key in a new process. What was left of the block is lost, and counted.
        let again = keyring(&secret);
        let uses = KeyUse::within(database.clone(), again.clone(), limits);
        assert_eq!((counted().await, again.granted()), (20, 0));
        for _ in 0..5 {
            drop(uses.prepare(1).await.unwrap().permit().unwrap());
        }
        assert_eq!(counted().await, 25);
        let error = uses.prepare(1).await.unwrap_err();
        assert!(matches!(error, KeyUseError::WornOut(3)), "{error}");
        assert!(error.to_string().contains("airlock keys generate"));
        assert_eq!(counted().await, 25, "a refusal counts nothing");
        // Another key is as good as new.
        let other = keyring(&SecretList::generate('k', 4));
        let uses = KeyUse::within(database.clone(), other, limits);
        drop(uses.prepare(1).await.unwrap());
    }

    #[tokio::test]
    async fn k4_whoever_prepared_uses_has_them_whatever_others_take_or_exchange() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        let database = Database::open(&url).await.unwrap();
        let limits = UseLimits {
            warn: 1000,
            refuse: 1000,
            block: 4,
        };
        let ring = keyring(&SecretList::generate('k', 1));
        let uses = KeyUse::within(database.clone(), ring.clone(), limits);
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..60 {
            let uses = uses.clone();
            running.spawn(async move {
                let mut batch = uses.prepare(3).await.unwrap();
                tokio::task::yield_now().await;
                (0..3).all(|_| batch.permit().is_ok())
            });
        }
        assert!(running.join_all().await.into_iter().all(|all| all));
        let mut connection = database.read().await.unwrap();
        let counted = key_usage::find(&mut connection, 1).await.unwrap();
        assert_eq!(counted - ring.granted(), 180, "each use is counted once");
        // The keys are exchanged between the taking of the uses and the transaction: they are taken anew.
        let held = database.write().await.unwrap();
        let (next, begun) = (Keyring::new(list(2)).unwrap(), uses.begin(1));
        let exchange = async {
            tokio::task::yield_now().await;
            ring.replace(next);
            drop(held);
        };
        let (begun, ()) = tokio::join!(begun, exchange);
        let permit = begun.unwrap().1.permit().unwrap();
        assert_eq!(permit.seal_value(&["a"], b"").key_id(), Some(2));
    }

    fn list(id: u32) -> SecretList {
        SecretList::parse('k', &SecretList::generate('k', id)).unwrap()
    }
}
