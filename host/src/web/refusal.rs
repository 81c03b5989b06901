//! Requests that never become one: their head is refused before any route is looked for. The answer has the headers and
//! the shape that every answer has.

use std::sync::Arc;

use axum::http::header::{CONTENT_TYPE, DATE};
use axum::http::{HeaderValue, Response};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tracing::debug;

use super::Web;
use super::answer::{PROBLEM, REQUEST_ID, request_id};
use super::error::WebError;
use super::headers::Surface;
use crate::listener::Refuse;

/// What the public listener answers to a head that it refuses.
pub fn refuse(web: Web) -> Refuse {
    Arc::new(move |error| {
        let error = WebError::from(error);
        let (status, request_id) = (error.status(), request_id());
        // A struct of texts and numbers always serializes.
        let body = serde_json::to_vec(&error.problem(&request_id)).unwrap_or_default();
        // Anybody can send as much of it as the network takes, so it is not worth a line in the log by default.
        debug!(
            http.status = status.as_u16(),
            request.id = request_id,
            reason = %error,
            "Refused what is no request"
        );
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, PROBLEM);
        web.0.headers.apply(Surface::Other, None, status, headers);
        for (name, text) in [(REQUEST_ID, Some(request_id)), (DATE, date(&web))] {
            if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
                headers.insert(name, value);
            }
        }
        response
    })
}

/// The time as headers have it. Elsewhere hyper adds it.
fn date(web: &Web) -> Option<String> {
    let now = Timestamp::from_millisecond(web.now().get()).ok()?;
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&now)
        .ok()
}
