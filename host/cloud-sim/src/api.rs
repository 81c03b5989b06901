//! The Cloud APIs: everything at the root of the listener that is not the dashboard.
//!
//! A call passes the faults, then bearer, route, instance and scope, then its handler; then a
//! gate may interfere with the answer. Each call is recorded once.

mod alerts;
mod answer;
mod call;
mod data;
mod dispatch;
mod identities;
mod proxy;
mod route;
mod tokens;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State as Extract};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

pub(crate) use answer::Answer;
pub(crate) use route::Route;

use crate::auth;
use crate::core::{Core, Pending};
use crate::line::Line;
use crate::lock;
use crate::query::Query;
use crate::record::{Direction, Notice};
use crate::switches::{GateAction, Switches};

/// Core's default limit of a JSON body: 5 MB.
const LARGEST_BODY: usize = 5 * 1024 * 1024;

/// Serves one Cloud API call.
pub(crate) async fn serve(
    Extract(core): Extract<Arc<Core>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let method = parts.method.as_str();
    let path = parts.uri.path().to_owned();
    let shown = parts
        .uri
        .path_and_query()
        .map_or_else(|| path.clone(), ToString::to_string);
    let mut record = core.begin_record(Direction::AppToCloud, method, shown.clone());
    record.details.path = shown;
    record.details.headers = shown_headers(&parts.headers);
    let body = to_bytes(body, LARGEST_BODY).await;
    if let Ok(body) = &body {
        record.set(|record| record.request_bytes = body.len() as u64);
        record.details.request_body = serde_json::from_slice(body).ok();
    }

    let latency = core.switches().latency_ms;
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    if core.switches().outage {
        line.cut();
        record.finish(
            None,
            None,
            Some("Outage: the connection was cut.".to_owned()),
        );
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let route = Route::find(method, &path);
    record.set(|record| record.scope = route.as_ref().map(|route| route.scope().name().to_owned()));
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let outcome = match body {
        Ok(body) => answer(
            &core,
            &mut record,
            &parts.headers,
            route.as_ref(),
            &path,
            &query,
            &body,
        ),
        Err(_) => Outcome::refused(Answer::cloud_error(413, "Request body is too large")),
    };
    respond(&core, record, &line, outcome).await
}

/// An answer and what a gate does with it.
struct Outcome {
    answer: Answer,
    gate: Option<GateAction>,
    note: Option<String>,
}

impl Outcome {
    fn refused(answer: Answer) -> Self {
        let note = answer.error_text();
        Self {
            answer,
            gate: None,
            note,
        }
    }
}

/// Checks and handles the call. Nothing in here waits.
fn answer(
    core: &Core,
    record: &mut Pending,
    headers: &HeaderMap,
    route: Option<&Route>,
    path: &str,
    query: &Query,
    body: &Bytes,
) -> Outcome {
    let mut state = lock(&core.state);
    let caller = auth::caller(&state, headers);
    if let Ok(caller) = &caller {
        record.set(|record| {
            record.app.clone_from(&caller.app);
            record.api_key_prefix = Some(caller.key.prefix.clone());
        });
    }
    if let Some(mut injected) = injected(core, route, path) {
        strip_details(&mut injected, &core.switches());
        return Outcome {
            note: Some("This answer was injected.".to_owned()),
            ..Outcome::refused(injected)
        };
    }
    let switches = core.switches();
    let answer = caller.and_then(|caller| {
        let route = route.ok_or_else(|| Answer::cloud_error(404, "Not found"))?;
        auth::check(&caller, route, query, switches.alerts_require_instance)?;
        dispatch::handle(&mut state, &caller, route, query, body, &switches)
    });
    drop(state);
    let mut outcome = match answer {
        Ok(answer) => Outcome {
            answer,
            gate: None,
            note: None,
        },
        Err(answer) => Outcome::refused(answer),
    };
    strip_details(&mut outcome.answer, &switches);
    if outcome.note.is_none() && route.is_some_and(Route::is_write) {
        core.note_change(Notice::Ledger);
        outcome.gate = lock(&core.switches).take_gate(path);
    }
    outcome
}

/// The answer to give instead of handling the call, if the switches say so.
fn injected(core: &Core, route: Option<&Route>, path: &str) -> Option<Answer> {
    let mut switches = lock(&core.switches);
    let status = switches.take_injection(route.is_some_and(Route::is_write), path)?;
    let text = match status {
        401 => "Invalid API key",
        403 => "Insufficient permissions",
        404 => "Not found",
        429 => "Rate limit exceeded",
        _ => "Upstream request failed",
    };
    let mut answer = Answer::cloud_error(status, text);
    if matches!(status, 429 | 503) && switches.retry_after_seconds > 0 {
        answer.retry_after = Some(switches.retry_after_seconds);
    }
    Some(answer)
}

/// Older Cores explain nothing.
fn strip_details(answer: &mut Answer, switches: &Switches) {
    if let (false, Some(body)) = (switches.core_error_detail, answer.body.as_object_mut()) {
        body.remove("error_detail");
    }
}

/// Records the call and gives the answer, unless a gate interferes.
async fn respond(core: &Core, mut record: Pending, line: &Line, outcome: Outcome) -> Response {
    let Outcome {
        mut answer,
        gate,
        mut note,
    } = outcome;
    match gate {
        Some(GateAction::Answer(status)) => {
            answer = Answer::cloud_error(status, "Upstream request failed");
            note = Some("Applied, but answered with an error.".to_owned());
        }
        Some(GateAction::Hold) => note = Some("Applied; the answer is held.".to_owned()),
        Some(GateAction::DropConnection) => {
            line.cut();
            record.finish(
                None,
                None,
                Some("Applied; the connection was cut.".to_owned()),
            );
            return StatusCode::BAD_GATEWAY.into_response();
        }
        None => {}
    }
    let bytes = serde_json::to_vec(&answer.body).unwrap_or_default();
    record.set(|record| record.response_bytes = bytes.len() as u64);
    record.finish(Some(answer.status), Some(answer.body), note);
    if gate == Some(GateAction::Hold) {
        hold(core).await;
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (
        status,
        [(header::CONTENT_TYPE, "application/json; charset=utf-8")],
        Body::from(bytes),
    )
        .into_response();
    if let Some(seconds) = answer.retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Waits until the test releases held answers, the simulation stops, or the caller goes away.
async fn hold(core: &Core) {
    struct Counted<'a>(&'a Core);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0
                .held
                .send_modify(|held| *held = held.saturating_sub(1));
        }
    }
    // Registered before it is counted, so that a release after the count is seen is not missed.
    let released = core.release.notified();
    tokio::pin!(released);
    released.as_mut().enable();
    core.held.send_modify(|held| *held += 1);
    let _counted = Counted(core);
    core.stop.run_until_cancelled(released).await;
}

/// The request's headers without the key.
fn shown_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let named = headers
        .iter()
        .filter(|(name, _)| *name != header::AUTHORIZATION && *name != "x-blnk-key");
    named
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}
