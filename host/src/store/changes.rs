//! Table `changes` of a shared database: what other hosts have committed, and a call when they do.
//!
//! The database itself counts and calls (by triggers, in the transaction that changes something), so no writer can forget
//! to. A call may be lost with its connection; whoever waits also looks by the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::postgres::PgListener;
use sqlx::{AnyPool, Row as _};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tracing::debug;

use super::database::{Connection, watching_pool};
use super::error::StoreError;

/// The channel that the triggers call on.
const CHANNEL: &str = "airlock";
/// The pause before a lost connection is made again.
const PAUSE: Duration = Duration::from_millis(500);

/// How often what hosts keep in memory has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Changes to active installs.
    pub installs: i64,
    /// Changes to the secrets of addresses.
    pub endpoints: i64,
    /// Changes to which apps are switched off.
    pub apps: i64,
}

/// The numbers as they are now. Only a shared database has them.
pub async fn numbers(connection: &mut Connection) -> Result<Numbers, StoreError> {
    let rows = sqlx::query("select topic, number from changes")
        .fetch_all(connection)
        .await?;
    let mut numbers = Numbers::default();
    for row in rows {
        let topic: String = row.try_get("topic")?;
        match topic.as_str() {
            "installs" => numbers.installs = row.try_get("number")?,
            "endpoints" => numbers.endpoints = row.try_get("number")?,
            "apps" => numbers.apps = row.try_get("number")?,
            _ => {}
        }
    }
    Ok(numbers)
}

/// Hears other hosts, over connections of its own: a busy host must not become a deaf one.
#[derive(Debug)]
pub struct Watch {
    options: AnyConnectOptions,
    pool: AnyPool,
    connected: Arc<AtomicU64>,
    called: Arc<Notify>,
    listening: AbortHandle,
}

impl Watch {
    /// Listens from now on. `address` is that of the server, with its password.
    pub(super) fn begin(options: AnyConnectOptions, address: String) -> Self {
        let connected = Arc::default();
        let pool = watching_pool(options.clone(), &connected);
        let called = Arc::new(Notify::new());
        let listening = tokio::spawn(listen(address, called.clone())).abort_handle();
        Self {
            options,
            pool,
            connected,
            called,
            listening,
        }
    }

    /// Waits for a call, at most this long.
    pub async fn wait(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.called.notified()).await;
    }

    /// Looks through another connection from now on. A connection that has gone silent stays taken, and there is one.
    pub fn reconnect(&mut self) {
        self.pool = watching_pool(self.options.clone(), &self.connected);
    }

    /// How often it has connected. Another connection may lead to another server, that has not heard of everything.
    pub fn connected(&self) -> u64 {
        self.connected.load(Ordering::Relaxed)
    }

    /// A connection that can only read.
    pub async fn read(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Any>, StoreError> {
        Ok(self.pool.acquire().await?)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(address: String, called: Arc<Notify>) {
    loop {
        if let Err(error) = hear(&address, &called).await {
            debug!(
                error = &error as &dyn std::error::Error,
                "The calls of other hosts are not heard; what they change is looked up by the clock"
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hear(address: &str, called: &Notify) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect(address).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // None: the connection was lost and made again, and calls may have been lost with it.
        let _ = listener.try_recv().await?;
        called.notify_one();
    }
}
