//! The work behind an answered event, from the outbox: prove keys, tell guests, erase what has ended.
//!
//! The only floor that joins install, cloud and runtime. An event is answered after its commit and before any of this
//! begins, so nothing here can fail an install or an uninstall.

mod backoff;
mod hooks;
mod proof;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error};

pub use proof::Proved;

use crate::cloud::Cloud;
use crate::install::{GuestStore, Installs};
use crate::model::Clock;
use crate::runtime::Runtime;
use crate::secret::random_name;
use crate::store::outbox::{Kind, Work};
use crate::store::{StoreError, outbox};

/// Work done at once: a Cloud that hangs must not hold up everybody.
const AT_ONCE: usize = 8;
/// Looks at the outbox at least this often.
const POLL: Duration = Duration::from_secs(30);
/// The same where other hosts add to it, whose work may be ours to finish.
const SHARED_POLL: Duration = Duration::from_secs(5);
/// How long work stays with a host that is not heard of any more.
const LEASE: Duration = Duration::from_secs(30);
/// Tries to give work back, one each second.
const GIVING_BACK: u32 = 10;
/// How long work waits for an install that is not whole.
const PUT_OFF: Duration = Duration::from_mins(10);
/// What is past its time is forgotten this often.
const SWEEP: Duration = Duration::from_hours(1);
/// Leases are renewed this often.
const RENEWAL: Duration = Duration::from_secs(10);

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
    /// Names this run of the host in its leases.
    host: String,
    wake: Notify,
    /// By the names of the deliveries: a row's number may be given again.
    under_way: Mutex<HashMap<String, Work>>,
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
            host: random_name(),
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
        let renewing = tokio::spawn(self.clone().renew());
        let sweeping = tokio::spawn(self.clone().sweep());
        let _end_with_this = [renewing, sweeping].map(|task| AbortOnDrop(task.abort_handle()));
        if let Err(error) = self.end_leases().await {
            error!(
                error = &error as &dyn std::error::Error,
                "The leases of an earlier run could not be ended; they end by themselves"
            );
        }
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
        for (proofs, permits) in [(true, &self.0.proofs), (false, &self.0.hooks)] {
            for work in self.lease(proofs, permits.available_permits()).await? {
                // Leased anew while it is still being done here: the clock has jumped.
                if let Some(begun) = self.begin(&work) {
                    let intake = self.clone();
                    tasks.spawn(async move { intake.carry_out(work, begun).await });
                }
            }
        }
        // What is under way wakes this loop when it ends.
        let now = self.0.parts.clock.now();
        let database = self.0.parts.installs.database();
        let next = outbox::next_due(&mut *database.read().await?, now).await?;
        let poll = if database.is_shared() {
            SHARED_POLL
        } else {
            POLL
        };
        Ok(next.map_or(poll, |next| next.since(now)).min(poll))
    }

    /// Leases as much as can be done at once; the rest is left to other hosts. Without any work nothing is written.
    async fn lease(&self, proofs: bool, limit: usize) -> Result<Vec<Work>, StoreError> {
        let now = self.0.parts.clock.now();
        let database = self.0.parts.installs.database();
        if limit == 0 || !outbox::is_due(&mut *database.read().await?, proofs, now).await? {
            return Ok(Vec::new());
        }
        let (host, until) = (&self.0.host, now.plus(LEASE));
        let mut tx = database.write().await?;
        let work = outbox::lease(&mut tx, host, proofs, now, until, limit).await?;
        tx.commit().await?;
        Ok(work)
    }

    /// Keeps the leases of what is under way.
    async fn renew(self) {
        loop {
            tokio::time::sleep(RENEWAL).await;
            if self.under_way().is_empty() {
                continue;
            }
            if let Err(error) = self.renew_once().await {
                error!(
                    error = &error as &dyn std::error::Error,
                    "Leases could not be renewed"
                );
            }
        }
    }

    /// Forgets events that are past their time.
    async fn sweep(self) {
        loop {
            if let Err(error) = self.0.parts.installs.sweep_events().await {
                error!(
                    error = &error as &dyn std::error::Error,
                    "Old events could not be forgotten"
                );
            }
            tokio::time::sleep(SWEEP).await;
        }
    }

    async fn renew_once(&self) -> Result<(), StoreError> {
        let under_way: Vec<_> = self.under_way().values().cloned().collect();
        let until = self.0.parts.clock.now().plus(LEASE);
        let mut tx = self.0.parts.installs.database().write().await?;
        for work in &under_way {
            outbox::renew(&mut tx, &self.0.host, work, until).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Where this host is the only one, every lease is one of an earlier run.
    async fn end_leases(&self) -> Result<(), StoreError> {
        let database = self.0.parts.installs.database();
        if database.is_shared() {
            return Ok(());
        }
        let mut tx = database.write().await?;
        outbox::end_leases(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<String, Work>> {
        self.0
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note that work is under way; none if it is already.
    fn begin(&self, work: &Work) -> Option<UnderWay> {
        let mut under_way = self.under_way();
        if under_way.contains_key(&work.run_id) {
            return None;
        }
        under_way.insert(work.run_id.clone(), work.clone());
        Some(UnderWay {
            intake: self.clone(),
            run_id: work.run_id.clone(),
        })
    }

    /// `begun` ends last, after the permit: whoever it wakes finds the permit free.
    async fn carry_out(&self, work: Work, begun: UnderWay) {
        let _begun = begun;
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
            self.give_back(&work).await;
        }
    }

    /// Sets work to another try that the database did not let us end. Should it not answer for long, the lease ends by
    /// itself.
    async fn give_back(&self, work: &Work) {
        for _ in 0..GIVING_BACK {
            // Whoever spins here helps nobody.
            tokio::time::sleep(Duration::from_secs(1)).await;
            if self.retry(work, "the database failed").await.is_ok() {
                break;
            }
        }
    }

    async fn finish(&self, work: &Work) -> Result<(), StoreError> {
        let mut tx = self.0.parts.installs.database().write().await?;
        outbox::finish(&mut tx, &self.0.host, work).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn retry(&self, work: &Work, reason: &str) -> Result<(), StoreError> {
        let next = self.0.parts.clock.now().plus(backoff::wait(work.tries));
        let mut tx = self.0.parts.installs.database().write().await?;
        outbox::retry(&mut tx, &self.0.host, work, next, reason).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Puts off what waits for its install to be whole again; it is hastened then.
    async fn postpone(&self, work: &Work, reason: &str) -> Result<(), StoreError> {
        let now = self.0.parts.clock.now();
        let mut tx = self.0.parts.installs.database().write().await?;
        let next = now.plus(PUT_OFF);
        outbox::postpone(&mut tx, &self.0.host, work, next, reason, now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn park(&self, work: &Work, reason: &str) -> Result<(), StoreError> {
        let mut tx = self.0.parts.installs.database().write().await?;
        outbox::park(&mut tx, &self.0.host, work, reason).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Work under way. When this is dropped, also by a panic, the work has ended and the next one is looked for.
struct UnderWay {
    intake: Intake,
    run_id: String,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.intake.under_way().remove(&self.run_id);
        self.intake.notify();
    }
}

/// Ends a task when the one that started it ends.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
