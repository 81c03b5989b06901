//! Permits: how many calls of one app, one install and the whole host run at the same time. Beside them, what an app may
//! log.
//!
//! Portal calls wait in a bounded queue; one install gets at most half of an app's permits, so that a busy tenant
//! can't take an app away from the others. Background calls have permits of their own and wait without a bound, since
//! their callers are few and queue in the database.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::guest_log::LogShare;
use super::limits::Limits;
use crate::model::InstallId;

/// Too many calls are running and waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

/// The permits of one app. Outlives its versions.
#[derive(Debug)]
pub(crate) struct Admission {
    host: Arc<Semaphore>,
    running: Arc<Semaphore>,
    background: Arc<Semaphore>,
    waiting: AtomicUsize,
    max_waiting: usize,
    per_install: usize,
    installs: Mutex<HashMap<InstallId, Arc<OfInstall>>>,
    log: Arc<LogShare>,
}

/// What one install runs and waits for.
#[derive(Debug)]
struct OfInstall {
    /// Calls that run or wait, counted under the lock of the map.
    calls: AtomicUsize,
    running: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// The right to run one call; gives everything back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    // In this order: the host's permit is the scarcest.
    _host: OwnedSemaphorePermit,
    _app: OwnedSemaphorePermit,
    _install: Option<InstallPermit>,
}

#[derive(Debug)]
struct InstallPermit {
    admission: Arc<Admission>,
    install: InstallId,
    share: Arc<OfInstall>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for InstallPermit {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut installs = self.admission.installs();
        // The last that runs or waits for this install, also where two end together.
        if self.share.calls.fetch_sub(1, Relaxed) == 1 {
            installs.remove(&self.install);
        }
    }
}

/// A call that may come in: at once, or when it is its turn.
#[derive(Debug)]
pub(crate) enum Asked {
    /// It has its permit.
    Admitted(Permit),
    /// It stands in the queue of its app.
    Waiting(Waiting),
    /// It waits behind other background calls, for so many of the host's permits.
    Background(Arc<Admission>, u32),
}

/// A portal call's place in the queue. Left also when the wait is abandoned.
#[derive(Debug)]
pub(crate) struct Waiting {
    place: Place,
    of_install: InstallPermit,
    host_permits: u32,
}

/// Counts in the queue of an app and of an install of it.
#[derive(Debug)]
struct Place {
    admission: Arc<Admission>,
    share: Arc<OfInstall>,
}

impl Place {
    /// Of the app's queue one install gets at most half.
    fn take(admission: &Arc<Admission>, share: &Arc<OfInstall>) -> Result<Self, Busy> {
        let of_app = admission.waiting.fetch_add(1, Relaxed);
        let of_install = share.waiting.fetch_add(1, Relaxed);
        // Made before the look, so that it is given back if there is none.
        let place = Self {
            admission: Arc::clone(admission),
            share: Arc::clone(share),
        };
        let most = admission.max_waiting;
        if of_app >= most || of_install >= most.div_ceil(2) {
            return Err(Busy);
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.waiting.fetch_sub(1, Relaxed);
        self.share.waiting.fetch_sub(1, Relaxed);
    }
}

impl Asked {
    /// The right to run the call, after at most `patience`.
    pub(crate) async fn permit(self, patience: Duration) -> Result<Permit, Busy> {
        let acquired = match self {
            Self::Admitted(permit) => return Ok(permit),
            Self::Waiting(waiting) => tokio::time::timeout(patience, waiting.permit()).await,
            Self::Background(admission, host_permits) => {
                tokio::time::timeout(patience, admission.background(host_permits)).await
            }
        };
        acquired.ok().flatten().ok_or(Busy)
    }
}

impl Waiting {
    async fn permit(self) -> Option<Permit> {
        let Self {
            place,
            mut of_install,
            host_permits,
        } = self;
        if of_install.permit.is_none() {
            let running = Arc::clone(&of_install.share.running);
            of_install.permit = running.acquire_owned().await.ok();
        }
        let app = Arc::clone(&place.admission.running).acquire_owned();
        let app = app.await.ok()?;
        let host = Arc::clone(&place.admission.host).acquire_many_owned(host_permits);
        Some(Permit {
            _host: host.await.ok()?,
            _app: app,
            _install: Some(of_install),
        })
    }
}

impl Admission {
    /// Permits after the limits, under the `host`'s own.
    pub(crate) fn new(host: Arc<Semaphore>, limits: &Limits) -> Self {
        Self {
            host,
            running: Arc::new(Semaphore::new(limits.running.max(1))),
            background: Arc::new(Semaphore::new(limits.background_running.max(1))),
            waiting: AtomicUsize::new(0),
            max_waiting: limits.waiting,
            per_install: (limits.running / 2).max(1),
            installs: Mutex::default(),
            log: Arc::default(),
        }
    }

    /// What the app may log, all its calls together.
    pub(crate) fn log(&self) -> &Arc<LogShare> {
        &self.log
    }

    fn installs(&self) -> std::sync::MutexGuard<'_, HashMap<InstallId, Arc<OfInstall>>> {
        self.installs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an install runs and waits for, with one call more.
    fn share(&self, install: &InstallId) -> Arc<OfInstall> {
        let mut installs = self.installs();
        let share = installs.entry(install.clone()).or_insert_with(|| {
            Arc::new(OfInstall {
                calls: AtomicUsize::new(0),
                running: Arc::new(Semaphore::new(self.per_install)),
                waiting: AtomicUsize::new(0),
            })
        });
        share.calls.fetch_add(1, Relaxed);
        Arc::clone(share)
    }

    /// Asks for a portal call of an install, which takes so many of the host's permits: more where its version takes more
    /// of the pool. Past the running and the waiting it is refused at once.
    pub(crate) fn portal(
        self: &Arc<Self>,
        install: &InstallId,
        host_permits: u32,
    ) -> Result<Asked, Busy> {
        let share = self.share(install);
        // Made before the wait, so that an abandoned wait cleans the map up too.
        let mut of_install = InstallPermit {
            admission: Arc::clone(self),
            install: install.clone(),
            share,
            permit: None,
        };
        if let Ok(permit) = Arc::clone(&of_install.share.running).try_acquire_owned() {
            of_install.permit = Some(permit);
            if let (Ok(app), Ok(host)) = (
                Arc::clone(&self.running).try_acquire_owned(),
                Arc::clone(&self.host).try_acquire_many_owned(host_permits),
            ) {
                return Ok(Asked::Admitted(Permit {
                    _host: host,
                    _app: app,
                    _install: Some(of_install),
                }));
            }
        }
        let place = Place::take(self, &of_install.share)?;
        Ok(Asked::Waiting(Waiting {
            place,
            of_install,
            host_permits,
        }))
    }

    /// Asks for a background call, which takes so many of the host's permits.
    pub(crate) fn ask_background(self: &Arc<Self>, host_permits: u32) -> Asked {
        Asked::Background(Arc::clone(self), host_permits)
    }

    async fn background(&self, host_permits: u32) -> Option<Permit> {
        let app = Arc::clone(&self.background).acquire_owned().await.ok()?;
        let host = Arc::clone(&self.host).acquire_many_owned(host_permits);
        let host = host.await.ok()?;
        Some(Permit {
            _host: host,
            _app: app,
            _install: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(running: usize, waiting: usize) -> Arc<Admission> {
        let limits = Limits {
            running,
            waiting,
            ..Limits::default()
        };
        Arc::new(Admission::new(Arc::new(Semaphore::new(100)), &limits))
    }

    fn install(name: &str) -> InstallId {
        InstallId::parse(name).unwrap()
    }

    const SHORT: Duration = Duration::from_millis(20);

    async fn portal(
        admission: &Arc<Admission>,
        install: &InstallId,
        patience: Duration,
    ) -> Result<Permit, Busy> {
        admission.portal(install, 1)?.permit(patience).await
    }

    #[tokio::test]
    async fn one_install_gets_at_most_half_of_the_permits() {
        let admission = admission(4, 64);
        let (greedy, modest) = (install("greedy"), install("modest"));
        let first = portal(&admission, &greedy, SHORT).await.unwrap();
        let _second = portal(&admission, &greedy, SHORT).await.unwrap();
        assert_eq!(portal(&admission, &greedy, SHORT).await.err(), Some(Busy));
        let _third = portal(&admission, &modest, SHORT).await.unwrap();
        drop(first);
        assert!(portal(&admission, &greedy, SHORT).await.is_ok());
    }

    #[tokio::test]
    async fn h50_past_running_and_waiting_a_call_is_refused_at_once() {
        let admission = admission(2, 1);
        let (a, b, c) = (install("a"), install("b"), install("c"));
        let held = portal(&admission, &a, SHORT).await.unwrap();
        let _other = portal(&admission, &b, SHORT).await.unwrap();
        let queued = tokio::spawn({
            let (admission, c) = (Arc::clone(&admission), c.clone());
            async move {
                portal(&admission, &c, Duration::from_mins(1))
                    .await
                    .map(|_| ())
            }
        });
        while admission.waiting.load(Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        // An hour of patience: only a refusal at once can end this test.
        assert_eq!(
            portal(&admission, &c, Duration::from_hours(1)).await.err(),
            Some(Busy)
        );
        drop(held);
        assert_eq!(queued.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn one_install_gets_at_most_half_of_the_queue() {
        let admission = admission(2, 4);
        let (greedy, modest) = (install("greedy"), install("modest"));
        let _held = [
            portal(&admission, &greedy, SHORT).await.unwrap(),
            portal(&admission, &modest, SHORT).await.unwrap(),
        ];
        let queue = |name: &InstallId| {
            let (admission, name) = (Arc::clone(&admission), name.clone());
            tokio::spawn(async move {
                let _permit = portal(&admission, &name, Duration::from_mins(1)).await;
            })
        };
        let queued = [queue(&greedy), queue(&greedy)];
        while admission.waiting.load(Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
        // An hour of patience: only a refusal at once can end this.
        let refused = portal(&admission, &greedy, Duration::from_hours(1)).await;
        assert_eq!(refused.err(), Some(Busy));
        let other = queue(&modest);
        while admission.waiting.load(Relaxed) < 3 {
            tokio::task::yield_now().await;
        }
        queued
            .into_iter()
            .chain([other])
            .for_each(|call| call.abort());
    }

    #[tokio::test]
    async fn abandoned_waits_and_ended_calls_leave_nothing_behind() {
        let admission = admission(2, 64);
        let a = install("a");
        let held = portal(&admission, &a, SHORT).await.unwrap();
        assert!(portal(&admission, &a, SHORT).await.is_err());
        assert_eq!(admission.waiting.load(Relaxed), 0);
        drop(held);
        assert_eq!(admission.installs().len(), 0);
        assert_eq!(admission.running.available_permits(), 2);
        assert_eq!(admission.host.available_permits(), 100);
    }

    #[tokio::test]
    async fn two_calls_of_an_install_that_end_together_leave_nothing_behind() {
        let admission = admission(4, 64);
        let a = install("a");
        let [first, second] = [
            portal(&admission, &a, SHORT).await.unwrap(),
            portal(&admission, &a, SHORT).await.unwrap(),
        ];
        // As one that has looked at the map and not let go of it yet.
        let share = Arc::clone(&admission.installs()[&a]);
        drop(first);
        assert_eq!(admission.installs().len(), 1);
        drop(second);
        assert_eq!(admission.installs().len(), 0);
        drop(share);
    }

    #[tokio::test]
    async fn a_call_that_finds_the_queue_full_leaves_nothing_behind() {
        let admission = admission(2, 0);
        let _first = portal(&admission, &install("a"), SHORT).await.unwrap();
        let _second = portal(&admission, &install("b"), SHORT).await.unwrap();
        assert!(portal(&admission, &install("c"), SHORT).await.is_err());
        assert_eq!(admission.installs().len(), 2);
    }

    #[tokio::test]
    async fn a_call_of_a_heavy_app_takes_more_of_the_hosts_permits() {
        let host = Arc::new(Semaphore::new(6));
        let app = || Arc::new(Admission::new(Arc::clone(&host), &Limits::default()));
        let (heavy, light) = (app(), app());
        let asked = heavy.portal(&install("a"), 5).unwrap();
        let held = asked.permit(SHORT).await.unwrap();
        assert_eq!(host.available_permits(), 1);
        let waits = heavy.portal(&install("b"), 5).unwrap();
        assert!(waits.permit(SHORT).await.is_err());
        assert!(heavy.ask_background(5).permit(SHORT).await.is_err());
        let waits = heavy.portal(&install("b"), 5).unwrap();
        let _other = portal(&light, &install("a"), SHORT).await.unwrap();
        assert_eq!(host.available_permits(), 0);
        drop(held);
        let _held = waits.permit(SHORT).await.unwrap();
        assert_eq!(host.available_permits(), 0);
    }

    #[tokio::test]
    async fn background_calls_do_not_take_permits_of_portal_calls() {
        let admission = admission(2, 64);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(admission.ask_background(1).permit(SHORT).await.unwrap());
        }
        assert!(admission.ask_background(1).permit(SHORT).await.is_err());
        assert!(portal(&admission, &install("a"), SHORT).await.is_ok());
    }
}
