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
        // The map and this: nobody else runs or waits for this install.
        if installs
            .get(&self.install)
            .is_some_and(|share| Arc::strong_count(share) == 2)
        {
            installs.remove(&self.install);
        }
    }
}

/// Counts a waiting call, also when the wait is abandoned.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn begin_waiting(counter: &AtomicUsize, most: usize) -> Result<Waiting<'_>, Busy> {
    let waits = counter.fetch_add(1, Relaxed);
    let waiting = Waiting(counter);
    if waits >= most {
        Err(Busy)
    } else {
        Ok(waiting)
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

    /// A place in the queue of the app, of which one install gets at most half.
    fn begin_waiting<'a>(&'a self, of_install: &'a AtomicUsize) -> Result<[Waiting<'a>; 2], Busy> {
        let of_app = begin_waiting(&self.waiting, self.max_waiting)?;
        let of_install = begin_waiting(of_install, self.max_waiting.div_ceil(2))?;
        Ok([of_app, of_install])
    }

    /// The right to run a portal call: at once, or after at most `patience` in the queue.
    pub(crate) async fn portal(
        self: &Arc<Self>,
        install: &InstallId,
        patience: Duration,
    ) -> Result<Permit, Busy> {
        let share = Arc::clone(self.installs().entry(install.clone()).or_insert_with(|| {
            Arc::new(OfInstall {
                running: Arc::new(Semaphore::new(self.per_install)),
                waiting: AtomicUsize::new(0),
            })
        }));
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
                Arc::clone(&self.host).try_acquire_owned(),
            ) {
                return Ok(Permit {
                    _host: host,
                    _app: app,
                    _install: Some(of_install),
                });
            }
        }
        let waiting = self.begin_waiting(&of_install.share.waiting)?;
        let acquired = tokio::time::timeout(patience, async {
            if of_install.permit.is_none() {
                of_install.permit = Arc::clone(&of_install.share.running)
                    .acquire_owned()
                    .await
                    .ok();
            }
            let app = Arc::clone(&self.running).acquire_owned().await.ok()?;
            let host = Arc::clone(&self.host).acquire_owned().await.ok()?;
            Some((app, host))
        })
        .await;
        drop(waiting);
        match acquired {
            Ok(Some((app, host))) => Ok(Permit {
                _host: host,
                _app: app,
                _install: Some(of_install),
            }),
            _ => Err(Busy),
        }
    }

    /// The right to run a background call, after at most `patience`.
    pub(crate) async fn background(&self, patience: Duration) -> Result<Permit, Busy> {
        let acquired = tokio::time::timeout(patience, async {
            let app = Arc::clone(&self.background).acquire_owned().await.ok()?;
            let host = Arc::clone(&self.host).acquire_owned().await.ok()?;
            Some(Permit {
                _host: host,
                _app: app,
                _install: None,
            })
        });
        acquired.await.ok().flatten().ok_or(Busy)
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

    #[tokio::test]
    async fn one_install_gets_at_most_half_of_the_permits() {
        let admission = admission(4, 64);
        let (greedy, modest) = (install("greedy"), install("modest"));
        let first = admission.portal(&greedy, SHORT).await.unwrap();
        let _second = admission.portal(&greedy, SHORT).await.unwrap();
        assert_eq!(admission.portal(&greedy, SHORT).await.err(), Some(Busy));
        let _third = admission.portal(&modest, SHORT).await.unwrap();
        drop(first);
        assert!(admission.portal(&greedy, SHORT).await.is_ok());
    }

    #[tokio::test]
    async fn h50_past_running_and_waiting_a_call_is_refused_at_once() {
        let admission = admission(2, 1);
        let (a, b, c) = (install("a"), install("b"), install("c"));
        let held = admission.portal(&a, SHORT).await.unwrap();
        let _other = admission.portal(&b, SHORT).await.unwrap();
        let queued = tokio::spawn({
            let (admission, c) = (Arc::clone(&admission), c.clone());
            async move {
                admission
                    .portal(&c, Duration::from_mins(1))
                    .await
                    .map(|_| ())
            }
        });
        while admission.waiting.load(Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        // An hour of patience: only a refusal at once can end this test.
        assert_eq!(
            admission.portal(&c, Duration::from_hours(1)).await.err(),
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
            admission.portal(&greedy, SHORT).await.unwrap(),
            admission.portal(&modest, SHORT).await.unwrap(),
        ];
        let queue = |name: &InstallId| {
            let (admission, name) = (Arc::clone(&admission), name.clone());
            tokio::spawn(async move {
                let _permit = admission.portal(&name, Duration::from_mins(1)).await;
            })
        };
        let queued = [queue(&greedy), queue(&greedy)];
        while admission.waiting.load(Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
        // An hour of patience: only a refusal at once can end this.
        let refused = admission.portal(&greedy, Duration::from_hours(1)).await;
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
        let held = admission.portal(&a, SHORT).await.unwrap();
        assert!(admission.portal(&a, SHORT).await.is_err());
        assert_eq!(admission.waiting.load(Relaxed), 0);
        drop(held);
        assert_eq!(admission.installs().len(), 0);
        assert_eq!(admission.running.available_permits(), 2);
        assert_eq!(admission.host.available_permits(), 100);
    }

    #[tokio::test]
    async fn a_call_that_finds_the_queue_full_leaves_nothing_behind() {
        let admission = admission(2, 0);
        let _first = admission.portal(&install("a"), SHORT).await.unwrap();
        let _second = admission.portal(&install("b"), SHORT).await.unwrap();
        assert!(admission.portal(&install("c"), SHORT).await.is_err());
        assert_eq!(admission.installs().len(), 2);
    }

    #[tokio::test]
    async fn background_calls_do_not_take_permits_of_portal_calls() {
        let admission = admission(2, 64);
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(admission.background(SHORT).await.unwrap());
        }
        assert!(admission.background(SHORT).await.is_err());
        assert!(admission.portal(&install("a"), SHORT).await.is_ok());
    }
}
