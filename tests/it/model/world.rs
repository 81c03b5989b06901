//! Where the sequences run: one database, emptied before each of them, and what survives a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use airlock_host::config::DatabaseUrl;
use airlock_host::install::Installs;
use airlock_host::model::{ManualClock, UnixMillis};
use airlock_host::secret::{Keyring, SecretList, Signer};
use airlock_host::store::Database;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::support::keys;

/// The tables that a sequence fills.
const TABLES: [&str; 7] = [
    "delete from installs",
    "delete from webhook_events",
    "delete from launch_used",
    "delete from outbox",
    "delete from store_keys",
    "delete from app_pins",
    "delete from audit",
];

/// A database with its secrets, and a clock that only the sequences move.
pub(super) struct World {
    pub(super) runtime: Runtime,
    pub(super) clock: Arc<ManualClock>,
    pub(super) keyring: Arc<Keyring>,
    pub(super) signer: Signer,
    url: DatabaseUrl,
    /// Where the database is, if it is a file.
    _folder: Option<TempDir>,
}

impl World {
    /// A world on a file of its own. In memory where the system has such a folder: nothing here loses its power.
    pub(super) fn sqlite() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("airlock.db").display());
        Self::on(DatabaseUrl::parse(&url).expect("an address"), Some(folder))
    }

    /// A world on the database at an address, which must be empty.
    pub(super) fn on(url: DatabaseUrl, folder: Option<TempDir>) -> Self {
        let list = |letter| {
            SecretList::parse(letter, &keys::generated(letter).into()).expect("a list of keys")
        };
        Self {
            runtime: Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            clock: Arc::new(ManualClock::new(UnixMillis::new(1_700_000_000_000))),
            keyring: Arc::new(Keyring::new(list('k')).expect("a keyring")),
            signer: Signer::new(list('s')),
            url,
            _folder: folder,
        }
    }

    /// The installs as a host that starts finds them.
    pub(super) async fn open(&self) -> Installs {
        let database = Database::open(&self.url).await.expect("the database");
        self.installs(database).await
    }

    /// The installs over an open database, with nothing in memory.
    pub(super) async fn installs(&self, database: Database) -> Installs {
        let opened = Installs::open(
            database,
            self.keyring.clone(),
            self.clock.clone(),
            BTreeMap::new(),
        );
        opened.await.expect("the installs")
    }

    /// The installs of an emptied database.
    pub(super) async fn empty(&self, database: Database) -> Installs {
        let mut tx = database.write().await.expect("a transaction");
        for statement in TABLES {
            sqlx::query(statement)
                .execute(&mut *tx)
                .await
                .expect(statement);
        }
        tx.commit().await.expect("a commit");
        self.installs(database).await
    }
}
