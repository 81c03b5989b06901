//! Databases for tests: a file of `SQLite`, or a database of a private `PostgreSQL` server.
//!
//! The server is made of the system's own programs when a test first asks for it, and ends with the process of the tests.
//! A test that is about storage runs on both: see [`on_both!`]. Where the programs are missing it fails and says so.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test without its database ends by a panic"
)]

mod cluster;
mod programs;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use tempfile::TempDir;

pub use cluster::Cluster;

/// A new, empty database for one test. It goes away with the last of these values.
#[derive(Debug, Clone)]
pub struct TestDatabase(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: String,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Folder { _folder: TempDir },
    Server { cluster: Arc<Cluster>, name: String },
}

impl TestDatabase {
    /// A file in a folder of its own.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self(Arc::new(Inner {
            url: format!("sqlite://{}/test.db", folder.path().display()),
            kept: Kept::Folder { _folder: folder },
        }))
    }

    /// A database of the server that every test of this process shares.
    pub fn postgres() -> Self {
        static SHARED: OnceLock<Arc<Cluster>> = OnceLock::new();
        let cluster = SHARED.get_or_init(|| Arc::new(Cluster::start()));
        Self::on(cluster)
    }

    /// A database of this server.
    pub fn on(cluster: &Arc<Cluster>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let cluster = cluster.clone();
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        cluster.create_database(&name, "");
        Self(Arc::new(Inner {
            url: cluster.url(&name),
            kept: Kept::Server { cluster, name },
        }))
    }

    /// Its address, as `database.url` takes it.
    pub fn url(&self) -> &str {
        &self.0.url
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Kept::Server { cluster, name } = &self.kept {
            cluster.drop_database(name);
        }
    }
}

/// Makes two tests of each function named: `sqlite::name` and `postgres::name`. Each function takes a [`TestDatabase`].
///
/// ```text
/// on_both!(what_was_stored_is_found_again);
///
/// async fn what_was_stored_is_found_again(database: TestDatabase) { … }
/// ```
#[macro_export]
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::TestDatabase::sqlite()).await;
            })+
        }

        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::TestDatabase::postgres()).await;
            })+
        }
    };
}
