//! Everything that can go wrong in a request, and what is told about it: the kind and a request id to the caller, the
//! cause chain to the log.
//!
//! Handlers return [`WebError`]; the body is written in one place (`answer`), as a page or as a problem document
//! (RFC 9457), because only there the kind of the address and the request id are known.

mod words;

use std::sync::Arc;

use axum::http::HeaderValue;
use axum::http::header::{ALLOW, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::path::BadAddress;
use crate::install::EventError;
use crate::listener::HeadError;
use crate::runtime::CallFailure;

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum WebError {
    /// Nothing here, or nothing that the caller may know of. Always the same bytes.
    #[error("not found")]
    NotFound,
    /// A launch that was asked for with the right secret and is refused: told as [`WebError::NotFound`] is.
    #[error("no such install, or none that may be launched")]
    LaunchRefused,
    /// Asked too often; holds the seconds until it is worth trying again.
    #[error("too many requests")]
    TooMany(u64),
    /// The head of the request could not be read.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The address is known and has other methods; holds them for `Allow`.
    #[error("method not allowed")]
    MethodNotAllowed(&'static str),
    /// The request was meant for another host.
    #[error("the host in the request is not this one")]
    Misdirected,
    /// Not shown to come from the host's own pages.
    #[error("the request does not come from the host's own page")]
    CrossSite,
    /// A browser wants to install a service worker.
    #[error("service workers are not served")]
    ServiceWorker,
    /// The request asks for another protocol.
    #[error("the connection is not upgraded")]
    Upgrade,
    /// No session: none sent, forged, of another address, or ended with its install.
    #[error("no live session")]
    NoSession,
    /// The session's time is over.
    #[error("the session has expired")]
    SessionExpired,
    /// The launch token is not one of ours.
    #[error("the launch token is not valid")]
    LaunchInvalid,
    /// The launch token was used, or its time is over.
    #[error("the launch token was used or has expired")]
    LaunchOver,
    /// The body is of a kind that is not read here.
    #[error("the body's type or encoding is not supported")]
    UnsupportedMediaType,
    /// The body is longer than allowed; holds the limit in bytes.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// The address is longer than allowed.
    #[error("the address is too long")]
    AddressTooLong,
    /// The path or query under `api/` is malformed.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// The connection failed while the body was read, or its framing is wrong.
    #[error("the body could not be read")]
    BodyUnreadable,
    /// The message from Cloud, or the body of a launch, is malformed.
    #[error(transparent)]
    Event(#[from] EventError),
    /// Something needed does not answer at the moment.
    #[error("unavailable")]
    Unavailable(#[source] anyhow::Error),
    /// The app is broken or disabled, so nobody can be let in.
    #[error("the app can't serve at the moment")]
    AppNotServing,
    /// The app's component gave no answer.
    #[error("the app gave no answer")]
    Call(#[source] CallFailure),
    /// A handler panicked. The payload stays where the panic hook put it.
    #[error("a handler panicked")]
    Panicked,
    /// A bug or a broken database.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

/// Marks an answer whose body is still to be written.
#[derive(Debug, Clone)]
pub(super) struct Failure(pub(super) Arc<WebError>);

/// The wire form of a problem.
#[derive(Debug, Serialize)]
pub(super) struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl WebError {
    /// Whether nobody who is meant to be here is told this more than now and then: guessing is counted, and limited, and
    /// so are old tokens and bodies that never come.
    pub(super) fn is_of_a_stranger(&self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::LaunchInvalid
                | Self::LaunchOver
                | Self::BodyTimeout
                | Self::BodyUnreadable
        )
    }

    /// Whether no guest was asked because its app is busy, in quarantine or out of order: told once where that began, and
    /// not at every request, of which there may be any number.
    pub(super) fn is_refused_call(&self) -> bool {
        matches!(
            self,
            Self::Call(
                CallFailure::Busy
                    | CallFailure::Quarantined { .. }
                    | CallFailure::NotServing { .. }
            )
        )
    }

    /// Seconds to wait before trying again. Short for a full queue, longer where a database or Cloud must come back.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany(seconds) => Some(*seconds),
            Self::Call(CallFailure::Busy) => Some(1),
            Self::Call(CallFailure::Quarantined { retry_after }) => {
                Some(u64::try_from(retry_after.as_millis().div_ceil(1000)).unwrap_or(u64::MAX))
            }
            Self::Unavailable(_)
            | Self::AppNotServing
            | Self::Call(CallFailure::NotServing { .. }) => Some(5),
            _ => None,
        }
    }
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        if let Some(seconds) = self.retry_after() {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Self::MethodNotAllowed(methods) = &self {
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static(methods));
        }
        response.extensions_mut().insert(Failure(Arc::new(self)));
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_problem_tells_kind_and_request_id_and_never_the_cause() {
        let error =
            WebError::Internal(anyhow::anyhow!("password=hunter2").context("opening the database"));
        let json = serde_json::to_string(&error.problem("req1")).unwrap();
        assert_eq!(
            json,
            r#"{"type":"urn:airlock:problem:internal","title":"Internal server error","status":500,"request_id":"req1"}"#
        );
    }

    #[test]
    fn the_one_404_has_the_same_bytes_for_every_request() {
        let one = serde_json::to_string(&WebError::NotFound.problem("a")).unwrap();
        let other = serde_json::to_string(&WebError::NotFound.problem("b")).unwrap();
        assert_eq!(one, other);
    }

    #[test]
    fn failures_of_a_call_keep_overload_slowness_and_faults_apart() {
        let status = |failure| WebError::Call(failure).into_response().status().as_u16();
        assert_eq!(status(CallFailure::Busy), 503);
        assert_eq!(status(CallFailure::Cpu), 504);
        assert_eq!(status(CallFailure::Wall), 504);
        assert_eq!(status(CallFailure::Memory), 502);
        let busy = WebError::Call(CallFailure::Busy).into_response();
        assert_eq!(busy.headers()[RETRY_AFTER], "1");
        assert!(WebError::Call(CallFailure::Busy).is_refused_call());
        assert!(!WebError::Call(CallFailure::Trap).is_refused_call());
        let retry_after = Duration::from_millis(29_001);
        let shut = WebError::Call(CallFailure::Quarantined { retry_after });
        let problem = serde_json::to_string(&shut.problem("req1")).unwrap();
        assert!(
            problem.contains("urn:airlock:problem:app-quarantined"),
            "{problem}"
        );
        let shut = shut.into_response();
        assert_eq!(
            (shut.status().as_u16(), &shut.headers()[RETRY_AFTER]),
            (503, &HeaderValue::from(30))
        );
    }
}
