//! Following what other hosts commit to a shared database: ended installs are refused here too, new addresses answer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::endpoints::{Endpoints, EndpointsError};
use super::lifecycle::Installs;
use super::tenant::Tenant;
use crate::store::changes::{self, Watch};
use crate::store::installs::Status;
use crate::store::{Connection, StoreError, installs};

/// Looks at least this often: a change is known everywhere within a second, with calls or without.
const LOOK: Duration = Duration::from_millis(500);
/// A look that takes longer is given up and begun again.
const PATIENCE: Duration = Duration::from_secs(3);

/// Follows until told to stop. Does nothing where this host is the only one. From the first look on, the live table
/// refuses to answer when it has not been compared for too long.
pub async fn follow(installs: Installs, endpoints: Endpoints, stopping: CancellationToken) {
    let Some(watch) = installs.database().watch() else {
        return;
    };
    let mut follower = Follower {
        watch,
        installs,
        endpoints,
        endpoints_seen: -1,
        failing: false,
    };
    follower.installs.live().compared(Instant::now());
    while !stopping.is_cancelled() {
        let look = timeout(PATIENCE, follower.look()).await;
        follower.report(&look.unwrap_or_else(|_| Err(StoreError::Late.into())));
        tokio::select! {
            () = stopping.cancelled() => break,
            () = follower.watch.wait(LOOK) => {}
        }
    }
}

struct Follower {
    watch: Watch,
    installs: Installs,
    endpoints: Endpoints,
    endpoints_seen: i64,
    failing: bool,
}

impl Follower {
    async fn look(&mut self) -> Result<(), EndpointsError> {
        let begun = Instant::now();
        let mut connection = self.watch.read().await?;
        let numbers = changes::numbers(&mut connection).await?;
        self.installs
            .catch_up(&mut connection, numbers.installs)
            .await?;
        self.installs.live().compared(begun);
        if numbers.endpoints != self.endpoints_seen {
            self.endpoints.reload().await?;
            self.endpoints_seen = numbers.endpoints;
        }
        Ok(())
    }

    /// Says it once when looking begins to fail, and once when that is over.
    fn report(&mut self, look: &Result<(), EndpointsError>) {
        match look {
            Ok(()) if self.failing => info!("What other hosts change is seen again"),
            Err(error) if !self.failing => warn!(
                error = error as &dyn std::error::Error,
                "What other hosts change can not be read; portals and launches are refused soon if that lasts"
            ),
            _ => {}
        }
        self.failing = look.is_err();
    }
}

impl Installs {
    /// Brings the live table up to the change of that number.
    pub(super) async fn catch_up(
        &self,
        connection: &mut Connection,
        number: i64,
    ) -> Result<(), StoreError> {
        let seen = self.0.changes_seen.load(Ordering::Relaxed);
        if number <= seen {
            return Ok(());
        }
        // No transition of our own lies between its commit and its change of the table: what is read is never older
        // than what stands there.
        let _turn = self.0.turn.lock().await;
        for row in installs::changed_since(connection, seen).await? {
            let belongs = self.belongs(connection, &row.slug, &row.app).await?;
            let tenant = Tenant::new(row);
            let serves = tenant.status() == Status::Active
                && belongs
                && tenant.open_key(&self.0.keyring).is_ok();
            if serves {
                self.0.live.put(tenant);
            } else {
                self.0.live.remove_attempt(&tenant);
            }
        }
        self.0.changes_seen.store(number, Ordering::Relaxed);
        Ok(())
    }
}
