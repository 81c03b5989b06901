//! How guests reach the database: on the host's own threads, and of each app only so many at a time.
//!
//! A guest's call is polled only while it has a turn. A transaction that were held from turn to turn would keep every
//! other writer waiting for as long as the queue of guests is, the callbacks of installs too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::GuestStoreError;
use crate::install::task::done_on;
use crate::model::Slug;

/// Writes of one app at a time: whoever else writes waits behind one of them.
const WRITES: usize = 1;
/// Reads of one app at a time: half of the connections that read.
const READS: usize = 2;

/// What an app does with the database.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lane {
    Read,
    Write,
}

/// The lanes of every app.
#[derive(Debug)]
pub(super) struct Lanes {
    /// Where the database is asked.
    host: Handle,
    apps: Mutex<HashMap<Slug, [Arc<Semaphore>; 2]>>,
}

impl Lanes {
    /// On the threads of the present runtime, the host's.
    pub(super) fn new() -> Self {
        Self {
            host: Handle::current(),
            apps: Mutex::default(),
        }
    }

    /// Does something in an app's lane once it is free. What was begun is done to its end, whether or not the guest still
    /// waits.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        app: &Slug,
        lane: Lane,
        work: impl Future<Output = Result<T, GuestStoreError>> + Send + 'static,
    ) -> Result<T, GuestStoreError> {
        let place = self.place(app, lane).await?;
        let working = async move {
            let _place = place;
            work.await
        };
        let done = done_on(&self.host, working).await;
        done.unwrap_or(Err(GuestStoreError::Unavailable))
    }

    async fn place(&self, app: &Slug, lane: Lane) -> Result<OwnedSemaphorePermit, GuestStoreError> {
        let semaphore = {
            let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
            let [reads, writes] = apps
                .entry(app.clone())
                .or_insert_with(|| [READS, WRITES].map(|count| Arc::new(Semaphore::new(count))));
            match lane {
                Lane::Read => reads.clone(),
                Lane::Write => writes.clone(),
            }
        };
        let place = semaphore.acquire_owned().await;
        place.map_err(|_| GuestStoreError::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn an_app_writes_one_at_a_time_and_keeps_no_other_app_waiting() {
        let (lanes, gate) = (Arc::new(Lanes::new()), Arc::new(Semaphore::new(0)));
        let (app, other) = (Slug::parse("a").unwrap(), Slug::parse("b").unwrap());
        let write = async |app: &Slug| {
            let gate = gate.clone();
            let work = async move {
                gate.acquire()
                    .await
                    .map(|_| ())
                    .map_err(|_| GuestStoreError::Unavailable)
            };
            lanes.run(app, Lane::Write, work).await
        };
        let waits = Duration::from_millis(20);
        // The first is given up by its guest, and is done to its end all the same.
        assert!(tokio::time::timeout(waits, write(&app)).await.is_err());
        let second = lanes.run(&app, Lane::Write, async { Ok(()) });
        assert!(tokio::time::timeout(waits, second).await.is_err());
        lanes.run(&app, Lane::Read, async { Ok(()) }).await.unwrap();
        lanes
            .run(&other, Lane::Write, async { Ok(()) })
            .await
            .unwrap();
        gate.add_permits(1);
        lanes
            .run(&app, Lane::Write, async { Ok(()) })
            .await
            .unwrap();
    }
}
