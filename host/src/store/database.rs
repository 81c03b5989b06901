//! Opening the database, and its two ways in: one writer, some readers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};

/// Readers beside the one writer.
const READERS: u32 = 4;
/// How long a statement waits for another process's lock.
const BUSY: Duration = Duration::from_secs(5);
/// How long a request waits for its turn at the writer: within the 8 s that an event has.
const TURN: Duration = Duration::from_secs(6);

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/sqlite");

/// The database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file can not be made or opened.
    #[error("opening the database {path}")]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        #[source]
        source: sqlx::Error,
    },
    /// The file's permissions can not be set to its owner alone.
    #[error("closing the database {path} to other users")]
    Mode {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The tables can not be brought to this version.
    #[error("bringing the tables up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

/// A statement failed, or a row holds what it must not.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or did not answer.
    #[error("the database did not do it")]
    Database(#[from] sqlx::Error),
    /// A row holds what no version of this program writes.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistent),
}

/// A row holds what no version of this program writes.
#[derive(Debug, thiserror::Error)]
#[error("table {table}, column {column}, row {row}: unexpected value")]
pub struct Inconsistent {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's key, without secrets.
    pub row: String,
}

/// The host's database. A cheap handle.
#[derive(Debug, Clone)]
pub struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Database {
    /// Opens or makes the `SQLite` file, readable by its owner alone, and brings its tables up to date.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let open = |source| OpenError::Open {
            path: path.to_owned(),
            source,
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL: an answered event survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .foreign_keys(true)
            // Overwrites what is deleted, so that an erased key is gone from the file.
            .pragma("secure_delete", "on");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(TURN)
            .connect_with(options.clone())
            .await
            .map_err(open)?;
        close_to_others(path)?;
        MIGRATIONS.run(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(TURN)
            .connect_with(options.read_only(true))
            .await
            .map_err(open)?;
        Ok(Self { writer, readers })
    }

    /// Begins a writing transaction. It takes the write lock at once, so that reading before writing never fails
    /// half way (a deferred transaction would).
    pub async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("begin immediate").await?)
    }

    /// A connection that can only read.
    pub async fn read(&self) -> Result<sqlx::pool::PoolConnection<Sqlite>, StoreError> {
        Ok(self.readers.acquire().await?)
    }

    /// Writes the log back into the file and closes every connection.
    pub async fn close(&self) {
        self.readers.close().await;
        // The last connection to close writes the log back; erased keys leave it with that.
        let _ = sqlx::query("pragma wal_checkpoint(truncate)")
            .execute(&self.writer)
            .await;
        self.writer.close().await;
    }
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
