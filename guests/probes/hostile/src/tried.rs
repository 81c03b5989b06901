//! What was tried, and in one word what came of it.

use airlock_guest::{CloudError, ConnectionError, JobError, Response, StoreError};
use serde_json::json;

/// A list of attempts.
#[derive(Debug, Default)]
pub(crate) struct Tried(Vec<(String, String)>);

impl Tried {
    /// Notes one more.
    pub(crate) fn add<T, E: Word>(&mut self, what: &str, result: &Result<T, E>) {
        let word = result.as_ref().map_or_else(Word::word, |_| "ok");
        self.note(what, word);
    }

    /// Notes one more in other words.
    pub(crate) fn note(&mut self, what: &str, word: &str) {
        // Long names are the misdeed of some.
        let what = what.chars().take(80).collect();
        self.0.push((what, word.to_owned()));
    }
}

impl From<Tried> for Response {
    fn from(tried: Tried) -> Self {
        Self::json(&json!({ "tried": tried.0 }))
    }
}

/// The contract's name of an error.
pub(crate) trait Word {
    fn word(&self) -> &'static str;
}

impl Word for CloudError {
    fn word(&self) -> &'static str {
        match self {
            Self::NotGranted(_) => "not-granted",
            Self::NotRequested(_) => "not-requested",
            Self::InvalidRequest(_) => "invalid-request",
            Self::NotFound => "not-found",
            Self::Conflict(_) => "conflict",
            Self::RateLimited(_) => "rate-limited",
            Self::Rejected(_) => "rejected",
            Self::Unavailable(_) => "unavailable",
            Self::OutcomeUnknown(_) => "outcome-unknown",
            Self::Revoked => "revoked",
            Self::LimitExceeded(_) => "limit-exceeded",
            Self::Other(_) => "other",
        }
    }
}

impl Word for StoreError {
    fn word(&self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::QuotaExceeded => "quota-exceeded",
            Self::Conflict(_) => "conflict",
            Self::InvalidKey => "invalid-key",
            Self::Unavailable => "unavailable",
            Self::Other(_) => "other",
        }
    }
}

impl Word for ConnectionError {
    fn word(&self) -> &'static str {
        match self {
            Self::NotConnected => "not-connected",
            Self::InvalidRequest(_) => "invalid-request",
            Self::Unavailable(_) => "unavailable",
            Self::OutcomeUnknown(_) => "outcome-unknown",
            Self::LimitExceeded(_) => "limit-exceeded",
            Self::Other(_) => "other",
        }
    }
}

impl Word for JobError {
    fn word(&self) -> &'static str {
        match self {
            Self::UnknownJob => "unknown-job",
            Self::TooLarge => "too-large",
            Self::QuotaExceeded => "quota-exceeded",
            Self::Unavailable => "unavailable",
            Self::Other(_) => "other",
        }
    }
}
