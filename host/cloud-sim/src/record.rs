//! What was said between Cloud and apps: a ring for the live list and for tests.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast;

use crate::lock;

/// How many requests of either direction are kept.
const KEPT: usize = 2_000;
/// How many changing requests are kept beside them, without bodies: tests count these under load.
const WRITES_KEPT: usize = 50_000;
/// The longest path that is kept, in characters.
const LONGEST_PATH: usize = 2_000;

/// Who called whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// An event, a launch or a probe.
    CloudToApp,
    /// A call to a Cloud API.
    AppToCloud,
}

/// One request, as the dashboard may see it.
#[derive(Clone, Debug, Serialize)]
pub struct RequestRecord {
    /// Counts up from 1 in the order in which requests ended.
    pub seq: u64,
    /// When it began, RFC 3339.
    pub at: String,
    /// Who called whom.
    pub direction: Direction,
    /// The HTTP method.
    pub method: String,
    /// Path and query, with address secrets and tokens masked.
    pub path: String,
    /// The slug of the app, where it is known.
    pub app: Option<String>,
    /// The scope that the route needs.
    pub scope: Option<String>,
    /// The answer's status; none when there was no answer.
    pub status: Option<u16>,
    /// How long it took until the answer was ready.
    pub duration_ms: u64,
    /// What is worth knowing beside the status.
    pub note: Option<String>,
    /// Size of the request's body.
    pub request_bytes: u64,
    /// Size of the answer's body.
    pub response_bytes: u64,
    /// The shown part of the key that was used.
    pub api_key_prefix: Option<String>,
}

impl RequestRecord {
    /// Whether this is an app's call that changes something, answered or refused.
    pub fn is_write(&self) -> bool {
        self.direction == Direction::AppToCloud
            && self.method != "GET"
            && self.method != "HEAD"
            && !self
                .path
                .split('?')
                .next()
                .is_some_and(|path| path.ends_with("/filter"))
    }
}

/// The parts of a request that are for tests only: nothing here is masked.
#[derive(Clone, Debug, Default)]
pub struct RequestDetails {
    /// Path and query as sent.
    pub path: String,
    /// The request's headers, names in lower case, without `authorization`.
    pub headers: Vec<(String, String)>,
    /// The request's body, if it was JSON.
    pub request_body: Option<Value>,
    /// The answer's body, if it was JSON.
    pub response_body: Option<Value>,
}

/// Something that the dashboard wants to hear about.
#[derive(Clone, Debug)]
pub(crate) enum Notice {
    /// A request ended.
    Request(Box<RequestRecord>),
    /// Apps, installs or switches changed.
    State,
    /// The ledger or the alerts changed.
    Ledger,
}

struct Kept {
    next_seq: u64,
    requests: VecDeque<(RequestRecord, RequestDetails)>,
    writes: VecDeque<RequestRecord>,
}

/// Keeps what ended and tells who listens.
pub(crate) struct Recorder {
    kept: Mutex<Kept>,
    notices: broadcast::Sender<Notice>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let kept = Kept {
            next_seq: 1,
            requests: VecDeque::new(),
            writes: VecDeque::new(),
        };
        Self {
            kept: Mutex::new(kept),
            notices: broadcast::channel(1_024).0,
        }
    }

    /// Gives the record its number and keeps it.
    pub(crate) fn push(&self, mut record: RequestRecord, details: RequestDetails) {
        if record.path.len() > LONGEST_PATH {
            record.path = record.path.chars().take(LONGEST_PATH).collect();
        }
        {
            let mut kept = lock(&self.kept);
            record.seq = kept.next_seq;
            kept.next_seq += 1;
            if kept.requests.len() == KEPT {
                kept.requests.pop_front();
            }
            kept.requests.push_back((record.clone(), details));
            if record.is_write() {
                if kept.writes.len() == WRITES_KEPT {
                    kept.writes.pop_front();
                }
                kept.writes.push_back(record.clone());
            }
            // Sent under the lock, so that listeners hear the numbers in order.
            self.notices.send(Notice::Request(Box::new(record))).ok();
        }
    }

    /// Everything kept with a number above `after`, oldest first.
    pub(crate) fn requests_after(&self, after: u64) -> Vec<RequestRecord> {
        let kept = lock(&self.kept);
        kept.requests
            .iter()
            .filter(|(record, _)| record.seq > after)
            .map(|(record, _)| record.clone())
            .collect()
    }

    /// Everything kept that changes something, oldest first.
    pub(crate) fn writes(&self) -> Vec<RequestRecord> {
        lock(&self.kept).writes.iter().cloned().collect()
    }

    /// The unmasked parts of one kept request.
    pub(crate) fn details(&self, seq: u64) -> Option<RequestDetails> {
        let kept = lock(&self.kept);
        kept.requests
            .iter()
            .find(|(record, _)| record.seq == seq)
            .map(|(_, details)| details.clone())
    }

    pub(crate) fn notify(&self, notice: Notice) {
        self.notices.send(notice).ok();
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }
}
