//! Following what other hosts commit to a shared database: ended installs are refused here too, new addresses answer, and
//! apps that are switched off are off.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::belonging::Pins;
use super::endpoints::{Endpoints, EndpointsError};
use super::lifecycle::{Installs, NOTHING};
use super::live::NotCurrent;
use super::switches::Switches;
use super::tenant::Tenant;
use crate::model::UnixMillis;
use crate::store::changes::{self, Watch};
use crate::store::installs::Status;
use crate::store::{Connection, StoreError, installs};

/// Looks at least this often: a change is known everywhere within a second, with calls or without.
const LOOK: Duration = Duration::from_millis(500);
/// A look that takes longer is given up and begun again.
const PATIENCE: Duration = Duration::from_secs(3);

/// After a pause this long everything is read again: shorter than what was active is kept after it has ended.
const PAUSED: Duration = Duration::from_secs(30);
/// Changes that are brought in at once.
const BATCH: u32 = 250;

/// Has a first look; none where this host is the only one. From now on the live table refuses to answer when it has not
/// been compared for too long, and before it was: what was loaded at the start may be long past by then.
pub async fn follow(
    installs: Installs,
    endpoints: Endpoints,
    switches: Switches,
) -> Option<Follower> {
    let watch = installs.database().watch()?;
    let mut follower = Follower {
        watch,
        installs,
        endpoints,
        endpoints_seen: -1,
        switches,
        apps_seen: -1,
        connected: 0,
        looked: UnixMillis::new(0),
        is_anew: false,
        failing: false,
    };
    follower.installs.live().is_followed();
    follower.look_once().await;
    Some(follower)
}

/// Follows what other hosts commit.
pub struct Follower {
    watch: Watch,
    installs: Installs,
    endpoints: Endpoints,
    endpoints_seen: i64,
    switches: Switches,
    apps_seen: i64,
    /// The connection over which the last look went, by its number. After a look that failed it is another one.
    connected: u64,
    /// When the last look was done, by the time of the day, which counts on while a machine is paused.
    looked: UnixMillis,
    /// Whether everything is to be read again: what is read now may come from a server that lost what was read before,
    /// and has counted on since then.
    is_anew: bool,
    failing: bool,
}

impl Follower {
    /// Follows until told to stop.
    pub async fn run(mut self, stopping: CancellationToken) {
        while !stopping.is_cancelled() {
            tokio::select! {
                () = stopping.cancelled() => break,
                () = self.watch.wait(LOOK) => {}
            }
            self.look_once().await;
        }
    }

    pub(super) async fn look_once(&mut self) {
        let before = self.installs.0.changes_seen.load(Ordering::Relaxed);
        let look = timeout(PATIENCE, self.look()).await;
        let has_moved = before != self.installs.0.changes_seen.load(Ordering::Relaxed);
        let is_silent = look.is_err() && !has_moved;
        if is_silent || matches!(look, Ok(Err(_))) {
            // Its connection may have gone silent, and would be given back only when the operating system notices. One
            // that brought something in and was only not done yet goes on.
            self.watch.reconnect();
        }
        self.report(&look.unwrap_or_else(|_| Err(StoreError::Late.into())));
    }

    async fn look(&mut self) -> Result<(), EndpointsError> {
        let begun = Instant::now();
        let mut connection = self.watch.read().await?;
        if self.watch.connected() != self.connected {
            self.is_anew = true;
            self.connected = self.watch.connected();
        }
        let now = self.installs.0.clock.now();
        // What ended long ago may be forgotten, and its end can't be read any more.
        self.is_anew |= now.since(self.looked) >= PAUSED;
        let numbers = changes::numbers(&mut connection).await?;
        if self.is_anew {
            self.installs
                .read_anew(&mut connection, numbers.installs)
                .await?;
            (self.endpoints_seen, self.apps_seen) = (-1, -1);
            // A look that is cut from here on goes on where it was.
            self.is_anew = false;
        }
        self.installs
            .catch_up(&mut connection, numbers.installs)
            .await?;
        self.installs.live().compared(begun);
        if numbers.endpoints != self.endpoints_seen || self.endpoints.is_behind() {
            self.endpoints.reload().await?;
            self.endpoints_seen = numbers.endpoints;
        }
        if numbers.apps != self.apps_seen {
            self.switches.reload().await?;
            self.apps_seen = numbers.apps;
        }
        self.looked = now;
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

/// Whether there may be more changes to bring in.
#[derive(PartialEq, Eq)]
pub(super) enum More {
    Waits,
    None,
}

impl Installs {
    /// Brings the live table up to the change of that number, some changes at a time. Cut at any moment, it goes on with
    /// those that were not brought in yet.
    pub(super) async fn catch_up(
        &self,
        connection: &mut Connection,
        number: i64,
    ) -> Result<(), StoreError> {
        let seen = self.0.changes_seen.load(Ordering::Relaxed);
        if number == seen {
            return Ok(());
        }
        if number < seen {
            // Numbers only rise: this is another database, from a backup or a standby that had not heard it all.
            warn!(
                "The database is older than what was read from it before; every install is read anew"
            );
            self.read_anew(connection, number).await?;
        }
        let pins = self.pins(connection).await?;
        while self.bring_in(connection, &pins, number).await? == More::Waits {}
        Ok(())
    }

    /// Lets go what is not active, and has what is active read again.
    pub(super) async fn read_anew(
        &self,
        connection: &mut Connection,
        number: i64,
    ) -> Result<(), StoreError> {
        let _turn = self.0.turn.lock().await;
        let active = installs::active(connection).await?;
        self.0.live.keep_only(&active);
        self.0.ended_until.store(number, Ordering::Relaxed);
        self.0.changes_seen.store(NOTHING, Ordering::Relaxed);
        Ok(())
    }

    /// Brings the next changes in.
    pub(super) async fn bring_in(
        &self,
        connection: &mut Connection,
        pins: &Pins,
        number: i64,
    ) -> Result<More, StoreError> {
        // No transition of our own lies between its commit and its change of the table: what is read is never older
        // than what stands there.
        let _turn = self.0.turn.lock().await;
        let seen = self.0.changes_seen.load(Ordering::Relaxed);
        let ended = self.0.ended_until.load(Ordering::Relaxed);
        let rows = installs::changed_since(connection, seen, ended, BATCH).await?;
        let is_full = rows.len() >= BATCH as usize;
        let last = rows.last().map_or(number, |(change, _)| *change);
        for (_, row) in rows {
            let belongs = self.belongs_by(pins, &row.slug, &row.app);
            let tenant = Tenant::new(row);
            let serves = tenant.status() == Status::Active
                && belongs
                && tenant.open_key(&self.0.keyring).is_ok();
            if serves {
                self.0.live.put(tenant);
            } else if belongs && self.waits_for_key(&tenant) {
                // Another host has rotated already. What stands here opens as it did; it is read again when the keys
                // are exchanged.
            } else {
                self.0.live.remove_attempt(&tenant);
            }
        }
        let seen = if is_full { last } else { last.max(number) };
        self.0.changes_seen.store(seen, Ordering::Relaxed);
        Ok(if is_full { More::Waits } else { More::None })
    }

    /// Whether this is an install that serves, only sealed anew under a master key that is not here yet.
    fn waits_for_key(&self, tenant: &Tenant) -> bool {
        let key = tenant.row().api_key.as_ref();
        let is_unknown = key.is_some_and(|key| self.0.keyring.lacks_key_of(key));
        // A table that is too old to answer may still hold it.
        let is_here = self.0.live.check_current(tenant) != Err(NotCurrent::Ended);
        tenant.status() == Status::Active && is_unknown && is_here
    }
}
