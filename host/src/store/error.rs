//! What can go wrong with the database.

use std::path::PathBuf;

/// The database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It can not be made, opened or reached.
    #[error("opening the database {database}; try: {}", advice(source))]
    Open {
        /// Its file or its address, without a password.
        database: String,
        /// Why not.
        #[source]
        source: sqlx::Error,
    },
    /// The server can not be reached, or does not let us in.
    #[error(
        "opening the database {database}; \
         try: psql with the same address, and see whether the server runs and the user and password are right"
    )]
    Server {
        /// Its address, without a password.
        database: String,
        /// Why not.
        #[source]
        source: sqlx::Error,
    },
    /// The database keeps its text in another encoding.
    #[error(
        "the database {database} keeps its text as {encoding}, which can not hold every text; \
         try: create database … encoding 'UTF8' template template0"
    )]
    Encoding {
        /// Its address, without a password.
        database: String,
        /// How it keeps text.
        encoding: String,
    },
    /// The tables were made by a newer version of this program.
    #[error(
        "the tables are of a newer version of airlock (step {0}), which this version does not know; \
         try: that version, or a copy of the database from before"
    )]
    Newer(i64),
    /// The file's name is no UTF-8.
    #[error("the database's path {0} is no UTF-8; try: another data_dir")]
    Name(PathBuf),
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
    Migrate(#[source] sqlx::migrate::MigrateError),
}

impl From<sqlx::migrate::MigrateError> for OpenError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::VersionMissing(version) => Self::Newer(version),
            error => Self::Migrate(error),
        }
    }
}

/// What to try, by the kind of failure: `SQLite`'s primary result code, where it is `SQLite`'s.
fn advice(error: &sqlx::Error) -> &'static str {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    let code = code.and_then(|code| code.parse::<u32>().ok());
    match code.map(|code| code & 0xff) {
        Some(11 | 26) => {
            "put a backup in its place, since it is damaged or no database; it is left as it is"
        }
        Some(8) => "let this user write to the file and to its folder",
        Some(5 | 6) => "end the other program that holds it",
        Some(10 | 13) => "look for a full or failing disk",
        Some(14) => "look whether its folder exists and may be written to",
        _ => "look whether `database.url` names what is meant, and whether it is there",
    }
}

/// A statement failed, or a row holds what it must not.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or did not answer.
    #[error("the database did not do it")]
    Database(#[from] sqlx::Error),
    /// It did not answer in time.
    #[error("the database did not answer in time")]
    Late,
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
