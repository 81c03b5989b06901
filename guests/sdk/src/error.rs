//! Why the host did not do what was asked: one enum for each of the contract's errors.

use crate::Scope;

/// Why a Cloud call gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudError {
    /// The user did not grant this scope. Nothing was sent.
    #[error("the user did not grant {0}")]
    NotGranted(Scope),
    /// The package does not ask for this scope. Nothing was sent.
    #[error("the app's manifest does not ask for {0}")]
    NotRequested(Scope),
    /// The host refused the request itself, and says why. Nothing was sent.
    #[error("the host refused the request: {0}")]
    InvalidRequest(String),
    /// Cloud has no such entity.
    #[error("no such entity")]
    NotFound,
    /// The entity's state is in the way.
    #[error("conflict: {}", .0.message)]
    Conflict(ApiError),
    /// Cloud asked for fewer calls. Nothing was done.
    #[error("too many calls: {}", .0.message)]
    RateLimited(Wait),
    /// Any other 4xx.
    #[error("refused with {}: {}", .0.status, .0.message)]
    Rejected(ApiError),
    /// Nothing was done; may be tried later.
    #[error("unavailable: {}", .0.message)]
    Unavailable(Wait),
    /// A write was sent and no answer came. It may have happened: read before writing again.
    #[error("the outcome is unknown: {0}")]
    OutcomeUnknown(String),
    /// The install has ended while the call ran.
    #[error("the install has ended")]
    Revoked,
    /// This call has used up its number, time or size of Cloud calls.
    #[error("the limit of this call is used up: {0}")]
    LimitExceeded(String),
    /// Anything else. After a write, treat it like an unknown outcome.
    #[error("{0}")]
    Other(String),
}

/// What Cloud answered with a 4xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// Core's error code, such as `IDT_NOT_FOUND`, where the answer carried one.
    pub code: Option<String>,
    /// The error's text, for people.
    pub message: String,
}

/// A refusal that may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Why, for people.
    pub message: String,
    /// Seconds to wait before trying again, where that is known.
    pub retry_after_seconds: Option<u32>,
}

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The value is longer than a value may be.
    #[error("the value is too large")]
    TooLarge,
    /// The install has as many keys or bytes as it may have.
    #[error("the store is full")]
    QuotaExceeded,
    /// The condition did not hold. Carries the version that is stored, none where the key is absent.
    #[error("someone else has written this key")]
    Conflict(Option<u64>),
    /// Keys are 1 to 256 bytes without NUL.
    #[error("the key is not valid")]
    InvalidKey,
    /// The host's database did not answer. May be tried later; a write may have happened.
    #[error("the store is not available")]
    Unavailable,
    /// Anything else, also a stored value that is not of the expected shape.
    #[error("{0}")]
    Other(String),
}

/// Why a connected service gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// The package does not declare this name, or the operator has not connected it.
    #[error("not connected")]
    NotConnected,
    /// The host refused the request itself. Nothing was sent.
    #[error("the host refused the request: {0}")]
    InvalidRequest(String),
    /// Nothing was done; may be tried later.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The request was sent and no answer came. It may have been acted on.
    #[error("the outcome is unknown: {0}")]
    OutcomeUnknown(String),
    /// This call has used up its number, time or size of outside calls.
    #[error("the limit of this call is used up: {0}")]
    LimitExceeded(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Why a job was not scheduled or canceled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The package does not declare this name.
    #[error("the manifest has no such job")]
    UnknownJob,
    /// The payload or the key is longer than it may be.
    #[error("the payload is too large")]
    TooLarge,
    /// The install has as many waiting runs as it may have.
    #[error("too many runs are waiting")]
    QuotaExceeded,
    /// The host's database did not answer.
    #[error("the store is not available")]
    Unavailable,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}
