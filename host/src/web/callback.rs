//! Install and uninstall events from Cloud.
//!
//! An event is answered after its commit and before anything else happens. It works for an app that is broken,
//! disabled or removed: nothing here asks for a component.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::{Instant, timeout_at};
use tracing::warn;
use zeroize::Zeroizing;

use super::Web;
use super::client::Client;
use super::error::WebError;
use super::extract::{CloudCaller, read_body, require_json};
use crate::install::{EndpointKind, Event, ReceiveError};
use crate::model::Slug;

/// Longest message that Cloud sends, in bytes.
const MAX_MESSAGE: usize = 64 * 1024;
/// Cloud gives up after ten seconds; an answer must be on its way before.
const DEADLINE: Duration = Duration::from_secs(8);
/// What a commit may take: one that would begin later is not begun, so that a 503 means that nothing was stored.
const COMMIT: Duration = Duration::from_secs(1);
const METHODS: &str = "GET, HEAD, OPTIONS, POST";

/// A request on one of the two addresses that only Cloud knows.
pub(super) enum CloudRequest {
    /// A look at the address, as at registration: nothing is done.
    Probe(Response),
    /// A message with a JSON body.
    Message {
        slug: Slug,
        headers: HeaderMap,
        /// Wiped on drop: it may hold a key. What the connection buffered of it is out of reach.
        body: Zeroizing<Vec<u8>>,
        deadline: Instant,
    },
}

impl CloudRequest {
    /// Secret, source and rate, then method, size, signature and type, in this order: a stranger learns nothing.
    pub(super) async fn read(
        web: &Web,
        kind: EndpointKind,
        address: Result<Path<(String, String)>, PathRejection>,
        request: Request,
    ) -> Result<Self, WebError> {
        let caller = CloudCaller::check(web, kind, address, Client::noted(&request))?;
        let deadline = Instant::now() + DEADLINE;
        let (parts, body) = request.into_parts();
        match parts.method {
            Method::GET | Method::HEAD => return Ok(Self::Probe(StatusCode::OK.into_response())),
            Method::OPTIONS => return Ok(Self::Probe(StatusCode::NO_CONTENT.into_response())),
            Method::POST => {}
            _ => return Err(WebError::MethodNotAllowed(METHODS)),
        }
        let body = Zeroizing::new(read_body(body, MAX_MESSAGE, deadline).await?);
        if body.is_empty() {
            return Ok(Self::Probe(StatusCode::OK.into_response()));
        }
        let verifier = &web.0.parts.verifier;
        if let Err(error) = verifier.verify(&parts.headers, &body, web.now()) {
            warn!(app = %caller.slug(), alarm = true, "Refused a call for {} whose address is right: {error}", caller.slug());
            return Err(WebError::NotFound);
        }
        // A look at the address is no use of it: only what is verified counts.
        web.0.parts.endpoints.note_use(caller.address());
        require_json(&parts.headers)?;
        Ok(Self::Message {
            slug: caller.slug().clone(),
            headers: parts.headers,
            body,
            deadline,
        })
    }
}

/// Takes an event.
pub(super) async fn receive(
    State(web): State<Web>,
    address: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, WebError> {
    let request = CloudRequest::read(&web, EndpointKind::Callback, address, request).await?;
    let (slug, headers, body, deadline) = match request {
        CloudRequest::Probe(answer) => return Ok(answer),
        CloudRequest::Message {
            slug,
            headers,
            body,
            deadline,
        } => (slug, headers, body, deadline),
    };
    let event = Event::parse(&body, idempotency_key(&headers))?;
    store(&web, slug, event, deadline).await?;
    web.0.parts.intake.notify();
    Ok(Json(json!({ "ok": true })).into_response())
}

/// The header that names the event where its body does not.
fn idempotency_key(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
}

/// Stores the event in a task of its own, so that a caller who hangs up can't cut it in half.
async fn store(web: &Web, slug: Slug, event: Event, deadline: Instant) -> Result<(), WebError> {
    let installs = web.installs().clone();
    let latest = deadline.checked_sub(COMMIT).unwrap_or(deadline);
    let storing = web
        .0
        .parts
        .tasks
        .spawn(async move { installs.receive_by(&slug, event, latest).await });
    match timeout_at(deadline, storing).await {
        Ok(Ok(Ok(_receipt))) => Ok(()),
        Ok(Ok(Err(error))) => Err(refusal(error)),
        Ok(Err(join)) => Err(WebError::Internal(join.into())),
        Err(late) => Err(WebError::Unavailable(
            anyhow::Error::new(late).context("storing the event"),
        )),
    }
}

fn refusal(error: ReceiveError) -> WebError {
    match error {
        ReceiveError::Refused(error) => WebError::Event(error),
        // Cloud sends it again, and by then Cloud may have answered about one of the keys that wait.
        other @ (ReceiveError::TooManyPending | ReceiveError::Keys(_) | ReceiveError::Store(_)) => {
            WebError::Unavailable(anyhow::Error::new(other).context("storing the event"))
        }
    }
}
