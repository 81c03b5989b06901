//! What a Cloud call can end with. The variants are those of the contract's `cloud-error`.

use serde::Deserialize;

use crate::install::NotCurrent;
use crate::model::{Denied, Permission};

/// What Cloud or Core said about a request that it refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// Core's error code, where there is one.
    pub code: Option<String>,
    /// The sentence, cut at 500 characters.
    pub message: String,
}

/// When to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Why not now.
    pub message: String,
    /// Seconds to wait, where known.
    pub retry_after_seconds: Option<u32>,
}

/// Why a Cloud call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// The user did not grant this scope. Nothing was sent.
    #[error("the user did not grant {0}")]
    NotGranted(Permission),
    /// The package does not ask for this scope. Nothing was sent.
    #[error("the package does not ask for {0}")]
    NotRequested(Permission),
    /// The request itself was refused by the host. Nothing was sent.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// It exists already, or is in another state.
    #[error("conflict: {}", .0.message)]
    Conflict(ApiError),
    /// Too many calls.
    #[error("rate limited: {}", .0.message)]
    RateLimited(Wait),
    /// Any other 4xx.
    #[error("rejected with {}: {}", .0.status, .0.message)]
    Rejected(ApiError),
    /// Nothing was done; it may be tried later.
    #[error("unavailable: {}", .0.message)]
    Unavailable(Wait),
    /// A write was sent and no answer came.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// The install has ended while the call ran.
    #[error("the install has ended")]
    Revoked,
    /// This call has used up its number, time or size of Cloud calls.
    #[error("limit exceeded: {0}")]
    LimitExceeded(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<Denied> for CloudError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotGranted(permission) => Self::NotGranted(permission),
            Denied::NotRequested(permission) => Self::NotRequested(permission),
        }
    }
}

impl From<NotCurrent> for CloudError {
    fn from(reason: NotCurrent) -> Self {
        match reason {
            NotCurrent::Ended => Self::Revoked,
            NotCurrent::Stale(_) => Self::Unavailable(Wait {
                message: "the host's database does not answer".to_owned(),
                retry_after_seconds: Some(5),
            }),
        }
    }
}

impl CloudError {
    /// A refusal of the host itself.
    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self::InvalidRequest(reason.into())
    }

    /// From a status other than 2xx. `is_write` decides what a 5xx means: after a write nobody knows.
    pub(super) fn from_status(
        status: u16,
        retry_after_seconds: Option<u32>,
        body: &[u8],
        is_write: bool,
    ) -> Self {
        let error = api_error(status, body);
        let wait = |error: ApiError| Wait {
            message: error.message,
            retry_after_seconds,
        };
        match status {
            404 => Self::NotFound,
            409 => Self::Conflict(error),
            429 => Self::RateLimited(wait(error)),
            500..=599 if is_write => {
                Self::OutcomeUnknown(format!("Cloud answered {status}: {}", error.message))
            }
            // 423: Core holds a lock on the balance; nothing was done, whatever it was.
            423 | 500..=599 => Self::Unavailable(wait(error)),
            _ => Self::Rejected(error),
        }
    }
}

#[derive(Deserialize, Default)]
struct Envelope {
    #[serde(default)]
    error: serde_json::Value,
    #[serde(default)]
    errors: serde_json::Value,
    #[serde(default)]
    error_detail: Option<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    code: Option<String>,
    message: Option<String>,
}

/// Core says `{"error", "error_detail": {"code", "message"}}`, sometimes `errors`; Cloud says `{"error"}`.
fn api_error(status: u16, body: &[u8]) -> ApiError {
    let envelope: Envelope = serde_json::from_slice(body).unwrap_or_default();
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let (code, detail) = envelope
        .error_detail
        .map_or((None, None), |d| (d.code, d.message));
    let message = detail
        .or_else(|| text(&envelope.error))
        .or_else(|| text(&envelope.errors))
        .unwrap_or_else(|| format!("Cloud answered {status}"));
    ApiError {
        status,
        code: code.map(|code| code.chars().take(64).collect()),
        message: message.chars().take(500).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_of_errors_are_read() {
        let core =
            br#"{"error":"x","error_detail":{"code":"TXN_DUPLICATE_REFERENCE","message":"used"}}"#;
        let CloudError::Conflict(error) = CloudError::from_status(409, None, core, true) else {
            panic!()
        };
        assert_eq!(
            (error.code.as_deref(), error.message.as_str()),
            (Some("TXN_DUPLICATE_REFERENCE"), "used")
        );
        let CloudError::Rejected(error) =
            CloudError::from_status(400, None, br#"{"errors":{"a":1}}"#, true)
        else {
            panic!()
        };
        assert_eq!(error.message, r#"{"a":1}"#);
    }

    #[test]
    fn a_server_error_leaves_a_write_open_and_a_read_to_be_tried_again() {
        for status in [500, 502, 503, 504] {
            assert!(matches!(
                CloudError::from_status(status, None, b"", true),
                CloudError::OutcomeUnknown(_)
            ));
        }
        assert!(matches!(
            CloudError::from_status(502, None, b"", false),
            CloudError::Unavailable(_)
        ));
    }
}
