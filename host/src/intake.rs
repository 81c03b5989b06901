//! The work behind an answered event, from the outbox: prove keys, tell guests, erase what has ended.
//!
//! The only floor that joins install, cloud and runtime. An event is answered after its commit and before any of this
//! begins, so nothing here can fail an install or an uninstall.

mod backoff;
mod hooks;
mod proof;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error};

pub use proof::Proved;

use crate::cloud::Cloud;
use crate::install::{GuestStore, Installs};
use crate::model::Clock;
use crate::runtime::Runtime;
use crate::store::outbox::{Kind, Work};
use crate::store::{StoreError, outbox};

/// Work taken up in one round.
const ROUND: u32 = 64;
/// Work done at once: a Cloud that hangs must not hold up everybody.
const AT_ONCE: usize = 8;
/// Looks at the outbox at least this often.
const POLL: Duration = Duration::from_secs(30);

/// What the work needs.
pub struct IntakeParts {
    /// The installs.
    pub installs: Installs,
    /// Cloud, for proving keys.
    pub cloud: Cloud,
    /// The guests, for telling them.
    pub runtime: Runtime,
    /// Their records, for erasing them.
    pub guest_store: GuestStore,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

struct Inner {
    parts: IntakeParts,
    wake: Notify,
    under_way: Mutex<HashSet<i64>>,
    /// Proofs and hooks have permits of their own: a guest that takes its time holds up no install.
    proofs: Arc<Semaphore>,
    hooks: Arc<Semaphore>,
}

/// The work behind events. A cheap handle.
#[derive(Clone)]
pub struct Intake(Arc<Inner>);

impl Intake {
    /// Over the floors below.
    pub fn new(parts: IntakeParts) -> Self {
        Self(Arc::new(Inner {
            parts,
            wake: Notify::new(),
            under_way: Mutex::default(),
            proofs: Arc::new(Semaphore::new(AT_ONCE)),
            hooks: Arc::new(Semaphore::new(AT_ONCE)),
        }))
    }

    /// Tells that the outbox has something new.
    pub fn notify(&self) {
        self.0.wake.notify_one();
    }

    /// Works until it is told to stop, and ends what it has begun.
    pub async fn run(self, stopping: CancellationToken) {
        let tasks = TaskTracker::new();
        while !stopping.is_cancelled() {
            let wait = match self.round(&tasks).await {
                Ok(wait) => wait,
                Err(error) => {
                    error!(
                        error = &error as &dyn std::error::Error,
                        "The outbox could not be read"
                    );
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = stopping.cancelled() => break,
                () = self.0.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Takes up what is due; answers how long nothing else will be.
    async fn round(&self, tasks: &TaskTracker) -> Result<Duration, StoreError> {
        let now = self.0.parts.clock.now();
        let mut connection = self.0.parts.installs.database().read().await?;
        let due = outbox::due(&mut connection, now, ROUND).await?;
        let next = outbox::next_due(&mut connection, now).await?;
        drop(connection);
        for work in due {
            if self.begin(work.id) {
                let intake = self.clone();
                tasks.spawn(async move { intake.carry_out(work).await });
            }
        }
        // What is due already is under way, and its end wakes this loop.
        Ok(next.map_or(POLL, |next| next.since(now)).min(POLL))
    }

    fn begin(&self, id: i64) -> bool {
        self.0
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id)
    }

    fn end(&self, id: i64) {
        self.0
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
        self.notify();
    }

    async fn carry_out(&self, work: Work) {
        let permits = if work.kind == Kind::Prove {
            &self.0.proofs
        } else {
            &self.0.hooks
        };
        let Ok(_permit) = permits.clone().acquire_owned().await else {
            return;
        };
        debug!(install.id = %work.install, kind = work.kind.as_str(), tries = work.tries, "Taking up work");
        let done = match work.kind {
            Kind::Prove => self.prove_attempt(&work).await,
            Kind::Installed => self.tell_installed(&work).await,
            Kind::Uninstalled => self.tell_uninstalled(&work).await,
        };
        if let Err(error) = done {
            error!(install.id = %work.install, kind = work.kind.as_str(),
                error = &error as &dyn std::error::Error, "Work behind an event failed; it will be tried again");
            // The database itself failed: whoever spins here helps nobody.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self.end(work.id);
    }

    async fn finish(&self, work: &Work) -> Result<(), StoreError> {
        let mut tx = self.0.parts.installs.database().write().await?;
        outbox::finish(&mut tx, work.id).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn retry(&self, work: &Work, reason: &str) -> Result<(), StoreError> {
        let next = self.0.parts.clock.now().plus(backoff::wait(work.tries));
        let mut tx = self.0.parts.installs.database().write().await?;
        outbox::retry(&mut tx, work.id, next, reason).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn park(&self, work: &Work, reason: &str) -> Result<(), StoreError> {
        let mut tx = self.0.parts.installs.database().write().await?;
        outbox::park(&mut tx, work.id, reason).await?;
        tx.commit().await?;
        Ok(())
    }
}
