//! What is happening right now: the list of requests and the stream of notices.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Query, State as Extract};
use axum::response::Json;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use crate::core::Core;
use crate::record::Notice;

/// Where the caller's list ends.
#[derive(Deserialize)]
pub(super) struct After {
    #[serde(default)]
    after: u64,
}

/// `GET requests?after=`.
pub(super) async fn requests(
    Extract(core): Extract<Arc<Core>>,
    Query(after): Query<After>,
) -> Json<Value> {
    let records = core.recorder.requests_after(after.after);
    let last = records.last().map_or(after.after, |record| record.seq);
    Json(json!({ "data": records, "last": last }))
}

/// `GET events`: server-sent events until either side ends.
pub(super) async fn events(
    Extract(core): Extract<Arc<Core>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let notices = core.recorder.listen();
    let stream = stream::unfold((core, notices), |(core, mut notices)| async move {
        let notice = core.stop.run_until_cancelled(notices.recv()).await?;
        let event = match notice {
            Ok(notice) => as_event(&notice),
            // Too slow to follow: what was missed is in the state and in the list of requests.
            Err(RecvError::Lagged(_)) => Event::default().event("state").data(""),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(event), (core, notices)))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

fn as_event(notice: &Notice) -> Event {
    match notice {
        Notice::Request(record) => Event::default()
            .event("request")
            .data(serde_json::to_string(record).unwrap_or_default()),
        Notice::State => Event::default().event("state").data(""),
        Notice::Ledger => Event::default().event("ledger").data(""),
    }
}
