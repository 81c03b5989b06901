//! Opening the database, and its two ways in: writing, one transaction after the other, and reading.
//!
//! `SQLite` lets one connection write. `PostgreSQL` gets the same order by a lock that each writing transaction takes
//! first: what was read in it stays true until it ends, on both, and over several hosts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret as _;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyPool, Executor as _, Transaction};

use super::error::{OpenError, StoreError};
use crate::config::DatabaseUrl;

/// Connections that read. Writers of `PostgreSQL` are as many: they wait for each other in the server.
const READERS: u32 = 4;
/// How long a request waits for its turn at the writer: within the 8 s that an event has.
const TURN: Duration = Duration::from_secs(6);

/// For each connection to `SQLite`. FULL: an answered event survives a power cut. `secure_delete` overwrites what is
/// deleted, so that an erased key is gone from the file.
const SQLITE_SETTINGS: &str = "pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = full; \
     pragma foreign_keys = on; pragma secure_delete = on;";
/// For each connection to `PostgreSQL`. A transaction of a host that hangs does not keep the others out for long.
const POSTGRES_SETTINGS: &str = "set lock_timeout = '6s'; set statement_timeout = '8s'; \
     set idle_in_transaction_session_timeout = '10s'; set synchronous_commit = on;";
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
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
            DatabaseUrl::Postgres(address) => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the address with its password goes to the driver"
                )]
                let address = address.expose_secret();
                Self::open_server(url, address).await
            }
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
        let writer = pool(1, SQLITE_SETTINGS)
            .connect_with(options(&format!("{address}?mode=rwc")).map_err(failed)?)
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

    async fn open_server(url: &DatabaseUrl, address: &str) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Open {
            database: url.to_string(),
            source,
        };
        let options = options(address).map_err(failed)?;
        let writer = pool(READERS, POSTGRES_SETTINGS)
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        POSTGRES.run(&writer).await?;
        let reading = "set statement_timeout = '8s'; set default_transaction_read_only = on;";
        let readers = pool(READERS, reading)
            .connect_with(options)
            .await
            .map_err(failed)?;
        Ok(Self {
            kind: Kind::Postgres,
            writer,
            readers,
        })
    }

    /// Begins a writing transaction. It waits for its turn first, so that what it reads stays true until it ends
    /// (a deferred transaction of `SQLite` would fail half way).
    pub async fn write(&self) -> Result<Transaction<'static, Any>, StoreError> {
        match self.kind {
            Kind::Sqlite => Ok(self.writer.begin_with("begin immediate").await?),
            Kind::Postgres => {
                let mut tx = self.writer.begin().await?;
                tx.execute(WRITER).await?;
                Ok(tx)
            }
        }
    }

    /// A connection that can only read.
    pub async fn read(&self) -> Result<sqlx::pool::PoolConnection<Any>, StoreError> {
        Ok(self.readers.acquire().await?)
    }

    /// Whether other hosts may write to it too.
    pub fn is_shared(&self) -> bool {
        self.kind == Kind::Postgres
    }

    /// Closes every connection. `SQLite` writes its log back into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        if self.kind == Kind::Sqlite {
            // The last connection to close writes the log back; erased keys leave it with that.
            let _ = self.writer.execute("pragma wal_checkpoint(truncate)").await;
        }
        self.writer.close().await;
    }
}

fn options(address: &str) -> Result<AnyConnectOptions, sqlx::Error> {
    address.parse()
}

fn pool(connections: u32, settings: &'static str) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(TURN)
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
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
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
