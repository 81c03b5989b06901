//! What every part of a running simulation shares.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ids::{self, Ids};
use crate::lock;
use crate::record::{Direction, Notice, Recorder, RequestDetails, RequestRecord};
use crate::state::{State, save};
use crate::switches::Switches;

/// How long changes are collected before the state file is written.
const SAVE_DEBOUNCE: Duration = Duration::from_millis(100);
/// How often the queue of transactions is looked at.
const QUEUE_TICK: Duration = Duration::from_millis(25);

/// The shared heart of a simulation.
pub(crate) struct Core {
    pub(crate) state: Mutex<State>,
    pub(crate) switches: Mutex<Switches>,
    pub(crate) recorder: Recorder,
    pub(crate) client: reqwest::Client,
    pub(crate) address: SocketAddr,
    pub(crate) public_host: String,
    pub(crate) event_timeout: Duration,
    pub(crate) state_file: Option<PathBuf>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    /// How many answers a gate holds right now.
    pub(crate) held: watch::Sender<usize>,
    pub(crate) release: Notify,
    pub(crate) changed: Notify,
}

impl Core {
    /// The origin under which the dashboard is meant to be opened.
    pub(crate) fn dashboard_origin(&self) -> String {
        format!("http://{}:{}", self.public_host, self.address.port())
    }

    pub(crate) fn switches(&self) -> Switches {
        lock(&self.switches).clone()
    }

    /// The first instance, on which the dashboard installs apps.
    pub(crate) fn main_instance(&self) -> String {
        let state = lock(&self.state);
        state
            .instances
            .first()
            .map(|instance| instance.instance_id.clone())
            .unwrap_or_default()
    }

    /// Something that is kept has changed.
    pub(crate) fn note_change(&self, notice: Notice) {
        self.recorder.notify(notice);
        self.changed.notify_one();
    }

    /// Applies queued transactions until told to stop.
    pub(crate) async fn run_queue(self: Arc<Self>) {
        let mut tick = tokio::time::interval(QUEUE_TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while self.stop.run_until_cancelled(tick.tick()).await.is_some() {
            let mut any = false;
            for instance in &mut lock(&self.state).instances {
                any |= instance.ledger.run_queue(&mut Ids::Random, ids::now());
            }
            if any {
                self.note_change(Notice::Ledger);
            }
        }
    }

    /// Writes the state file after changes until told to stop, and once more then.
    pub(crate) async fn keep_saved(self: Arc<Self>) {
        while self
            .stop
            .run_until_cancelled(self.changed.notified())
            .await
            .is_some()
        {
            self.stop
                .run_until_cancelled(tokio::time::sleep(SAVE_DEBOUNCE))
                .await;
            self.save().await;
        }
        self.save().await;
    }

    /// Writes the state file now, if there is one.
    pub(crate) async fn save(&self) {
        let Some(path) = &self.state_file else { return };
        let content = lock(&self.state).to_file();
        let saved = match content {
            Ok(content) => save(path, &content).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = saved {
            tracing::error!(error = %error, "The simulated Cloud's state could not be saved");
        }
    }

    /// Begins the record of a request. Dropped unfinished, it says that the caller went away.
    pub(crate) fn begin_record(
        self: &Arc<Self>,
        direction: Direction,
        method: &str,
        path: String,
    ) -> Pending {
        let record = RequestRecord {
            seq: 0,
            at: ids::now().to_string(),
            direction,
            method: method.to_owned(),
            path,
            app: None,
            scope: None,
            status: None,
            duration_ms: 0,
            note: None,
            request_bytes: 0,
            response_bytes: 0,
            api_key_prefix: None,
        };
        Pending {
            core: Arc::clone(self),
            started: Instant::now(),
            record: Some(record),
            details: RequestDetails::default(),
        }
    }
}

/// A request that has not ended.
pub(crate) struct Pending {
    core: Arc<Core>,
    started: Instant,
    record: Option<RequestRecord>,
    pub(crate) details: RequestDetails,
}

impl Pending {
    /// Changes what is known so far.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut RequestRecord)) {
        if let Some(record) = &mut self.record {
            change(record);
        }
    }

    /// Keeps the record, with the answer if there was one.
    pub(crate) fn finish(
        mut self,
        status: Option<u16>,
        response_body: Option<Value>,
        note: Option<String>,
    ) {
        self.details.response_body = response_body;
        self.push(status, note);
    }

    fn push(&mut self, status: Option<u16>, note: Option<String>) {
        let Some(mut record) = self.record.take() else {
            return;
        };
        record.status = status;
        record.note = note.or(record.note);
        record.duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.core
            .recorder
            .push(record, std::mem::take(&mut self.details));
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.push(
            None,
            Some("The caller went away before the answer.".to_owned()),
        );
    }
}
