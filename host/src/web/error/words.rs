//! What is told about each error: status, kind, title and sentences.

use axum::http::StatusCode;

use super::{Problem, WebError};
use crate::install::EventError;
use crate::listener::HeadError;
use crate::runtime::CallFailure;

impl WebError {
    /// The HTTP status.
    pub(in crate::web) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::LaunchRefused => StatusCode::NOT_FOUND,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Head(HeadError::TooLarge) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Head(HeadError::Version) => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Head(HeadError::Expectation) => StatusCode::EXPECTATION_FAILED,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::CrossSite | Self::ServiceWorker => StatusCode::FORBIDDEN,
            Self::Upgrade
            | Self::Head(HeadError::Malformed)
            | Self::Address(_)
            | Self::BodyUnreadable
            | Self::Event(EventError::Malformed(_)) => StatusCode::BAD_REQUEST,
            Self::Event(EventError::Invalid { .. }) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoSession | Self::LaunchInvalid => StatusCode::UNAUTHORIZED,
            Self::SessionExpired | Self::LaunchOver => StatusCode::GONE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::AddressTooLong | Self::Head(HeadError::TargetTooLong) => StatusCode::URI_TOO_LONG,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Unavailable(_) | Self::AppNotServing => StatusCode::SERVICE_UNAVAILABLE,
            Self::Call(failure) => {
                StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::BAD_GATEWAY)
            }
            Self::Panicked | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The last word of the problem's `type`, and its title.
    fn kind_and_title(&self) -> (&'static str, &'static str) {
        match self {
            Self::NotFound | Self::LaunchRefused => ("not-found", "Not found"),
            Self::TooMany(_) => ("too-many", "Too many requests"),
            Self::Head(HeadError::Malformed) => ("bad-request", "Malformed request"),
            Self::Head(HeadError::TooLarge) => ("headers-too-large", "Headers too large"),
            Self::Head(HeadError::Version) => ("version", "HTTP version not supported"),
            Self::Head(HeadError::Expectation) => ("expectation", "Expectation not known"),
            Self::MethodNotAllowed(_) => ("method-not-allowed", "Method not allowed"),
            Self::Misdirected => ("misdirected", "Misdirected request"),
            Self::CrossSite => ("cross-site", "Cross-site request refused"),
            Self::ServiceWorker => ("service-worker", "Service workers are not served"),
            Self::Upgrade => ("upgrade", "The connection is not upgraded"),
            Self::NoSession => ("no-session", "Launch the app again"),
            Self::SessionExpired => ("session-expired", "Launch the app again"),
            Self::LaunchInvalid => ("launch-invalid", "Launch the app again"),
            Self::LaunchOver => ("launch-over", "Launch the app again"),
            Self::UnsupportedMediaType => ("unsupported-media-type", "Unsupported media type"),
            Self::TooLarge(_) => ("too-large", "Content too large"),
            Self::AddressTooLong | Self::Head(HeadError::TargetTooLong) => {
                ("address-too-long", "Address too long")
            }
            Self::Address(_) => ("bad-address", "Malformed address"),
            Self::BodyTimeout => ("timeout", "Request timeout"),
            Self::BodyUnreadable => ("unreadable", "The body could not be read"),
            Self::Event(EventError::Malformed(_)) => ("malformed", "Malformed message"),
            Self::Event(EventError::Invalid { .. }) => ("invalid-field", "Invalid message"),
            Self::Unavailable(_) => ("unavailable", "Not available at the moment"),
            Self::AppNotServing | Self::Call(CallFailure::NotServing { .. }) => {
                ("app-not-serving", "The app can't serve at the moment")
            }
            Self::Call(CallFailure::Quarantined { .. }) => (
                "app-quarantined",
                "The app keeps failing and is not called for a while",
            ),
            Self::Call(CallFailure::Busy) => ("app-busy", "The app is busy"),
            Self::Call(CallFailure::Cpu | CallFailure::Wall) => {
                ("app-timeout", "The app took too long")
            }
            Self::Call(_) => ("app-failed", "The app failed to answer"),
            Self::Panicked | Self::Internal(_) => ("internal", "Internal server error"),
        }
    }

    /// One more sentence for the caller, where there is something to be done about it.
    fn detail(&self) -> Option<String> {
        match self {
            Self::NoSession | Self::SessionExpired => Some(
                "This session is over, or was never opened in this browser. Launch the app again."
                    .to_owned(),
            ),
            Self::LaunchInvalid | Self::LaunchOver => Some(
                "A launch address works once and for two minutes. Launch the app again.".to_owned(),
            ),
            Self::CrossSite
            | Self::Head(_)
            | Self::Address(_)
            | Self::Event(_)
            | Self::TooLarge(_) => Some(self.to_string()),
            Self::UnsupportedMediaType => Some("Send JSON without a content encoding.".to_owned()),
            _ => None,
        }
    }

    /// The field of Cloud's message that is wrong.
    fn field(&self) -> Option<&str> {
        match self {
            Self::Event(EventError::Invalid { field, .. }) => Some(field),
            _ => None,
        }
    }

    /// The problem document. The one 404 has no request id: it has the same bytes whatever the reason is.
    pub(in crate::web) fn problem<'a>(&'a self, request_id: &'a str) -> Problem<'a> {
        let (kind, title) = self.kind_and_title();
        Problem {
            r#type: format!("urn:airlock:problem:{kind}"),
            title,
            status: self.status().as_u16(),
            detail: self.detail(),
            field: self.field(),
            request_id: (!matches!(self, Self::NotFound | Self::LaunchRefused))
                .then_some(request_id),
        }
    }

    /// Title and text of the page that a person sees in place of what was asked for.
    pub(in crate::web) fn sentence(&self) -> (&'static str, &'static str) {
        match self.status() {
            StatusCode::UNAUTHORIZED | StatusCode::GONE => (
                "Launch the app again",
                "This session is over, or was never opened in this browser. Go back to your dashboard and launch the \
                 app again.",
            ),
            StatusCode::SERVICE_UNAVAILABLE => (
                "The app is not ready",
                "The app, or something it needs, can't serve at the moment. Wait a little, then launch the app again.",
            ),
            StatusCode::NOT_FOUND => (
                "Nothing is here",
                "Apps are opened from a dashboard. Launch the app from there.",
            ),
            StatusCode::TOO_MANY_REQUESTS => (
                "Too many requests",
                "Too much was asked for from your address. Wait a little, then launch the app again.",
            ),
            StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => (
                "This request was refused",
                "It did not come from where it should. Go back to your dashboard and launch the app again.",
            ),
            status if status.is_server_error() => (
                "Something went wrong",
                "The host could not answer. Launch the app again; if that does not help, tell the operator the request \
                 id below.",
            ),
            _ => (
                "This request was not understood",
                "Go back to your dashboard and launch the app again.",
            ),
        }
    }
}
