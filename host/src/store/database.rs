//! Opening the database, and its two ways in: writing, one transaction after the other, and reading.
//!
//! `SQLite` lets one connection write. `PostgreSQL` gets the same order by a lock that each writing transaction takes
//! first: what was read in it stays true until it ends, on both, and over several hosts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyPool, Connection as _, Executor as _, Transaction};

use super::changes::Watch;
use super::error::{OpenError, StoreError};
use crate::config::DatabaseUrl;

/// Connections that read. Writers of `PostgreSQL` are as many: they wait for each other in the server.
const READERS: u32 = 4;
/// How long a request waits for its turn at the writer: within the 8 s that an event has.
const TURN: Duration = Duration::from_secs(6);
/// How long a change of a shared database may take with the wait for its turn: more than the server itself allows for a
/// statement, so that this ends only what no answer comes to.
const CHANGE: Duration = Duration::from_secs(12);
/// How long a connection to a server that is given back may take to answer. One that was left in the middle of a silence
/// never does, and would keep its place from others.
const RELEASE: Duration = Duration::from_secs(3);
/// How long the look at other hosts' changes waits for its connection: less than what makes its picture too old.
const LOOK: Duration = Duration::from_secs(2);

/// For each connection to `SQLite`. FULL: an answered event survives a power cut. `secure_delete` overwrites what is
/// deleted, so that an erased key is gone from the file.
const SQLITE_SETTINGS: &str = "pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = full; \
     pragma foreign_keys = on; pragma secure_delete = on;";
/// For each connection to `PostgreSQL`. A transaction of a host that hangs does not keep the others out for long. What is
/// read after the wait for the turn must be what the one before has committed: a stricter isolation would read what was.
const POSTGRES_SETTINGS: &str = "set lock_timeout = '5s'; set statement_timeout = '8s'; \
     set idle_in_transaction_session_timeout = '10s'; set synchronous_commit = on; \
     set default_transaction_isolation = 'read committed';";
/// For each connection to `PostgreSQL` that reads.
const POSTGRES_READING: &str =
    "set statement_timeout = '8s'; set default_transaction_read_only = on;";
/// The lock of writing transactions; the number is `airlock` in ASCII.
const WRITER: &str = "select pg_advisory_xact_lock(27418566447784811)";

/// What a path keeps as it is inside an address.
const PATH: AsciiSet = NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');

static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/sqlite");
static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/postgres");

/// One connection, or the one of a transaction.
pub type Connection = sqlx::AnyConnection;
/// A row as the database gave it.
pub type Row = sqlx::any::AnyRow;

#[derive(Debug, Clone)]
enum Kind {
    Sqlite,
    Postgres { address: SecretString },
}

/// The host's database. A cheap handle.
#[derive(Debug, Clone)]
pub struct Database {
    kind: Kind,
    writer: AnyPool,
    readers: AnyPool,
}

impl Database {
    /// Opens the database and brings its tables up to date. A file is made where there is none, readable by its owner alone.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        match url {
            DatabaseUrl::Sqlite(path) => Self::open_file(path).await,
            DatabaseUrl::Postgres(address) => Self::open_server(url, address).await,
        }
    }

    async fn open_file(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Open {
            database: path.display().to_string(),
            source,
        };
        let absolute = std::path::absolute(path).map_err(|error| failed(sqlx::Error::Io(error)))?;
        let text = absolute
            .to_str()
            .ok_or_else(|| OpenError::Name(path.to_owned()))?;
        let address = format!("sqlite://{}", utf8_percent_encode(text, &PATH));
        let writing = options(&format!("{address}?mode=rwc")).map_err(failed)?;
        try_once(&writing).await.map_err(failed)?;
        let writer = pool(1, SQLITE_SETTINGS)
            .connect_with(writing)
            .await
            .map_err(failed)?;
        close_to_others(path)?;
        SQLITE.run(&writer).await?;
        let readers = pool(
            READERS,
            "pragma busy_timeout = 5000; pragma query_only = on;",
        )
        .connect_with(options(&format!("{address}?mode=ro")).map_err(failed)?)
        .await
        .map_err(failed)?;
        Ok(Self {
            kind: Kind::Sqlite,
            writer,
            readers,
        })
    }

    async fn open_server(url: &DatabaseUrl, address: &SecretString) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Server {
            database: url.to_string(),
            source,
        };
        let options = options(exposed(address)).map_err(failed)?;
        // Alone first: a pool tries again until its time is up, and then does not say what was wrong.
        let mut first = Connection::connect_with(&options).await.map_err(failed)?;
        check_encoding(url, &mut first).await?;
        let writer = released_in_time(pool(READERS, POSTGRES_SETTINGS))
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        POSTGRES.run(&writer).await?;
        let readers = released_in_time(pool(READERS, POSTGRES_READING))
            .connect_with(options)
            .await
            .map_err(failed)?;
        Ok(Self {
            kind: Kind::Postgres {
                address: address.clone(),
            },
            writer,
            readers,
        })
    }

    /// Begins a writing transaction. It waits for its turn first, at most 6 s, so that what it reads stays true until it
    /// ends (a deferred transaction of `SQLite` would fail half way).
    pub async fn write(&self) -> Result<Transaction<'static, Any>, StoreError> {
        // A turn that comes after the wait was given up is given back by the driver.
        tokio::time::timeout(TURN, self.begin())
            .await
            .map_err(|_| StoreError::Late)?
    }

    async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        match self.kind {
            Kind::Sqlite => Ok(self.writer.begin_with("begin immediate").await?),
            Kind::Postgres { .. } => {
                let mut tx = self.writer.begin().await?;
                tx.execute(WRITER).await?;
                Ok(tx)
            }
        }
    }

    /// Bounds a change that others wait for, in the database or for a turn in memory: given up when the server of a shared
    /// database has gone silent. It may have been committed all the same; what was is then read like any change of other
    /// hosts. Where nobody else writes it runs to its end, so that memory and file do not part.
    pub async fn bounded<T, E: From<StoreError>>(
        &self,
        change: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        if !self.is_shared() {
            return change.await;
        }
        let given_up = tokio::time::timeout(CHANGE, change).await;
        given_up.unwrap_or_else(|_| Err(StoreError::Late.into()))
    }

    /// A connection that can only read.
    pub async fn read(&self) -> Result<sqlx::pool::PoolConnection<Any>, StoreError> {
        Ok(self.readers.acquire().await?)
    }

    /// Whether other hosts may write to it too.
    pub fn is_shared(&self) -> bool {
        matches!(self.kind, Kind::Postgres { .. })
    }

    /// Begins to hear what other hosts commit; none where there can be no other host.
    pub fn watch(&self) -> Option<Watch> {
        let Kind::Postgres { address } = &self.kind else {
            return None;
        };
        let address = exposed(address);
        Some(Watch::begin(options(address).ok()?, address.to_owned()))
    }

    /// Closes every connection. `SQLite` writes its log back into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        if matches!(self.kind, Kind::Sqlite) {
            // The last connection to close writes the log back; erased keys leave it with that.
            let _ = self.writer.execute("pragma wal_checkpoint(truncate)").await;
        }
        self.writer.close().await;
    }
}

/// Text that this program stores must come back as it was, whatever it is.
async fn check_encoding(url: &DatabaseUrl, connection: &mut Connection) -> Result<(), OpenError> {
    let encoding = sqlx::query_scalar("select current_setting('server_encoding')")
        .fetch_one(connection)
        .await;
    let database = url.to_string();
    match encoding {
        Ok(encoding) if encoding == "UTF8" => Ok(()),
        Ok(encoding) => Err(OpenError::Encoding { database, encoding }),
        Err(source) => Err(OpenError::Server { database, source }),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the address with its password goes to the driver"
)]
fn exposed(address: &SecretString) -> &str {
    address.expose_secret()
}

fn options(address: &str) -> Result<AnyConnectOptions, sqlx::Error> {
    address.parse()
}

/// Connects and takes the writer's turn, once. A pool tries for seconds and then can't say why it failed; and a file that
/// can't be written would be found out only by the first event.
async fn try_once(options: &AnyConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = Connection::connect_with(options).await?;
    connection.execute(SQLITE_SETTINGS).await?;
    // Beginning alone is granted to a file that can only be read.
    connection.execute("begin immediate").await?;
    connection.execute("pragma user_version = 0").await?;
    connection.execute("rollback").await?;
    connection.close().await
}

/// The one connection of the look at other hosts' changes, not made yet. Counts how often it is made.
pub(super) fn watching_pool(options: AnyConnectOptions, connected: &Arc<AtomicU64>) -> AnyPool {
    let connected = connected.clone();
    pool(1, POSTGRES_READING)
        .acquire_timeout(LOOK)
        .after_connect(move |connection, _| {
            let connected = connected.clone();
            Box::pin(async move {
                connection.execute(POSTGRES_READING).await?;
                connected.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
        })
        .connect_lazy_with(options)
}

/// The driver waits for the answer of a connection that is given back, as long as it takes. Here it is closed.
fn released_in_time(options: AnyPoolOptions) -> AnyPoolOptions {
    options.after_release(|connection, _| {
        Box::pin(async move {
            match tokio::time::timeout(RELEASE, connection.ping()).await {
                Ok(answered) => answered.map(|()| true),
                Err(_) => Err(sqlx::Error::Protocol("no answer".to_owned())),
            }
        })
    })
}

fn pool(connections: u32, settings: &'static str) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(TURN)
        // A commit that fails on a full disk ends its transaction in SQLite, but not in the driver's own count: such a
        // connection could never begin another one. A fresh one takes its place.
        .before_acquire(|connection, _| {
            let is_free = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_free) })
        })
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(settings).await?;
                Ok(())
            })
        })
}

#[cfg(unix)]
fn close_to_others(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::PermissionsExt as _;
    // SQLite gives the log and its index the mode of the file itself.
    // They lie beside the file itself, wherever its name leads.
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    for suffix in ["", "-wal", "-shm"] {
        let mut name = real.as_os_str().to_owned();
        name.push(suffix);
        let file = PathBuf::from(name);
        if file.exists() {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))
                .map_err(|source| OpenError::Mode { path: file, source })?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn close_to_others(_: &Path) -> Result<(), OpenError> {
    Ok(())
}
