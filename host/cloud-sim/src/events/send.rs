//! One POST to an app, with the time limit, the duplicates and the slowness that are switched on.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use reqwest::{Body, Response, header};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use url::Url;

use crate::core::{Core, Pending};
use crate::mask::{masked, plain};
use crate::record::Direction;
use crate::registration::EventError;
use crate::state::App;
use crate::switches::Switches;

/// Attempts with `retry_on_failure`, the first included.
const ATTEMPTS: u32 = 3;
/// An app's answer is read up to this size.
const LARGEST_ANSWER: usize = 256 * 1024;
/// The longest part of an app's own words that is shown, in characters.
const LONGEST_REASON: usize = 200;
/// Into how many pieces a slow body is cut.
const SLOW_PIECES: usize = 8;

/// Something to tell an app.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) address: String,
    /// None for a launch.
    pub(super) idempotency_key: Option<String>,
    pub(super) body: Map<String, Value>,
}

/// Delivers an event as often as the switches say. Any success counts.
pub(super) async fn deliver(
    core: &Arc<Core>,
    app: &App,
    event: Event,
) -> Result<Vec<u8>, EventError> {
    let switches = core.switches();
    if switches.duplicate_delivery && event.idempotency_key.is_some() {
        if switches.duplicate_at_once {
            let (first, second) = tokio::join!(
                post(core, app, &event, ""),
                post(core, app, &event, "Duplicate.")
            );
            return first.or(second);
        }
        let first = post(core, app, &event, "").await;
        let second = post(core, app, &event, "Duplicate.").await;
        return first.or(second);
    }
    let mut answer = post(core, app, &event, "").await;
    let attempts = if switches.retry_on_failure && event.idempotency_key.is_some() {
        ATTEMPTS
    } else {
        1
    };
    for attempt in 2..=attempts {
        if answer.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(switches.retry_delay_ms)).await;
        answer = post(core, app, &event, &format!("Attempt {attempt}.")).await;
    }
    answer
}

/// Posts once and answers the body of a success.
pub(super) async fn post(
    core: &Arc<Core>,
    app: &App,
    event: &Event,
    note: &str,
) -> Result<Vec<u8>, EventError> {
    let switches = core.switches();
    let address = Url::parse(&event.address)
        .map_err(|_| EventError::Unreachable("its address is not valid".to_owned()))?;
    let mut record = core.begin_record(Direction::CloudToApp, "POST", masked(&address, &app.slug));
    let mut body = event.body.clone();
    if let (Some(key), true) = (&event.idempotency_key, switches.idempotency_body) {
        body.insert("idempotency_key".to_owned(), json!(key));
    }
    let bytes = serde_json::to_vec(&body).unwrap_or_default();
    record.set(|record| {
        record.app = Some(app.slug.clone());
        record.request_bytes = bytes.len() as u64;
        record.note = (!note.is_empty()).then(|| note.to_owned());
    });
    record.details.path = plain(&address);
    record.details.request_body = Some(Value::Object(body));

    let mut request = core
        .client
        .post(address)
        .header(header::CONTENT_TYPE, "application/json");
    if let (Some(key), true) = (&event.idempotency_key, switches.idempotency_header) {
        record
            .details
            .headers
            .push(("idempotency-key".to_owned(), key.clone()));
        request = request.header("Idempotency-Key", key);
    }
    let request = request.body(paced_body(bytes, &switches));
    let deadline = Instant::now() + core.event_timeout;
    let exchange = async {
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        Ok((status, read(response, &switches).await?))
    };
    let answer = tokio::time::timeout_at(deadline, exchange).await;
    let answer = answer.unwrap_or_else(|_| Err(EventError::TimedOut(core.event_timeout.as_secs())));
    finish(record, note, answer)
}

/// Records the exchange and sorts success from failure.
fn finish(
    mut record: Pending,
    note: &str,
    answer: Result<(u16, Vec<u8>), EventError>,
) -> Result<Vec<u8>, EventError> {
    let noted = |error: &EventError| Some(format!("{note} {error}").trim_start().to_owned());
    let (status, bytes) = match answer {
        Ok(answer) => answer,
        Err(error) => {
            record.finish(None, None, noted(&error));
            return Err(error);
        }
    };
    record.set(|record| record.response_bytes = bytes.len() as u64);
    let json: Option<Value> = serde_json::from_slice(&bytes).ok();
    if (200..300).contains(&status) {
        record.finish(Some(status), json, None);
        return Ok(bytes);
    }
    let error = EventError::Refused {
        status,
        reason: json.as_ref().and_then(reason),
    };
    record.finish(Some(status), json, noted(&error));
    Err(error)
}

/// The app's own words, from the usual places of an error body.
fn reason(body: &Value) -> Option<String> {
    let text = ["detail", "error", "title", "message"]
        .iter()
        .find_map(|name| body.get(name)?.as_str())?;
    let text: String = text.chars().take(LONGEST_REASON).collect();
    let text = text.trim_end_matches('.').to_owned();
    // A careless app might repeat what it was sent.
    (!text.is_empty() && !text.contains("blnk_")).then_some(text)
}

/// The body at once, or in pieces with pauses between them.
fn paced_body(bytes: Vec<u8>, switches: &Switches) -> Body {
    if !switches.slow_sender {
        return Body::from(bytes);
    }
    let pause = Duration::from_millis(switches.slow_pause_ms);
    let size = bytes.len().div_ceil(SLOW_PIECES).max(1);
    let pieces: Vec<Vec<u8>> = bytes.chunks(size).map(<[u8]>::to_vec).collect();
    Body::wrap_stream(stream::unfold(
        pieces.into_iter(),
        move |mut pieces| async move {
            let piece = pieces.next()?;
            tokio::time::sleep(pause).await;
            Some((Ok::<_, std::io::Error>(piece), pieces))
        },
    ))
}

/// Reads the answer, slowly if that is switched on.
async fn read(mut response: Response, switches: &Switches) -> Result<Vec<u8>, EventError> {
    let mut bytes = Vec::new();
    loop {
        if switches.slow_reader {
            tokio::time::sleep(Duration::from_millis(switches.slow_pause_ms)).await;
        }
        let Some(chunk) = response.chunk().await.map_err(unreachable)? else {
            break;
        };
        if bytes.len() + chunk.len() > LARGEST_ANSWER {
            return Err(EventError::BadAnswer("it is too large".to_owned()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Why the app was not reached, without its address: that may hold a secret.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
pub(super) fn unreachable(error: reqwest::Error) -> EventError {
    let reason = if error.is_connect() {
        "nothing answers at its address"
    } else if error.is_body() || error.is_decode() {
        "its answer broke off"
    } else {
        "the connection broke"
    };
    EventError::Unreachable(reason.to_owned())
}
