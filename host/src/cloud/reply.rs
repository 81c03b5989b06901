//! What came back from Cloud, or did not, and what that means for a call.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tracing::warn;

use super::breaker::Health;
use super::error::{CloudError, Wait};
use super::persist::Tried;
use crate::install::Tenant;

/// What came back, whatever its status.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) retry_after_seconds: Option<u32>,
    pub(super) body: Vec<u8>,
}

/// Why nothing came back that can be used.
pub(super) enum NoReply {
    /// Nothing was sent: the install's key does not open.
    NoKey,
    /// Nothing was sent: no connection.
    NotSent,
    /// It was sent; the answer did not come, or not whole.
    Lost(&'static str),
    /// The answer is longer than allowed.
    TooLong,
    /// The answer holds the key itself.
    Echo,
}

/// Seconds of `Retry-After`. A date is not read: Cloud documents neither form, and the seconds need no clock.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<u32> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// A connection that never stood sent nothing; anything later may have arrived. The error's own text may hold the
/// address, so only its kind is told.
pub(super) fn no_reply(error: &reqwest::Error) -> NoReply {
    if error.is_connect() {
        NoReply::NotSent
    } else if error.is_timeout() {
        NoReply::Lost("Cloud did not answer in time")
    } else {
        NoReply::Lost("the connection to Cloud broke")
    }
}

impl Reply {
    /// What it means, except for 401, which is about the key.
    pub(super) fn judge(self, writes: bool) -> Tried {
        let status = self.status.as_u16();
        if self.status.is_success() {
            let result = json_text(self.body).map_err(|message| {
                if writes {
                    CloudError::OutcomeUnknown(message)
                } else {
                    CloudError::Other(message)
                }
            });
            return Tried::last(result, Health::Answered);
        }
        let error = CloudError::from_status(status, self.retry_after_seconds, &self.body, writes);
        let failed = self.status.is_server_error();
        Tried {
            result: Err(error),
            health: if failed {
                Health::Failed
            } else {
                Health::Answered
            },
            // 423: Core holds a lock on the balance, for a moment.
            again: failed || matches!(status, 423 | 429),
        }
    }
}

/// The text of a reply, if it is JSON; an empty one is `null`.
fn json_text(body: Vec<u8>) -> Result<String, String> {
    if body.is_empty() {
        return Ok("null".to_owned());
    }
    let text = String::from_utf8(body)
        .map_err(|_| "Cloud answered with something that is no text".to_owned())?;
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err("Cloud answered with something that is no JSON".to_owned()),
    }
}

impl NoReply {
    /// What it means.
    pub(super) fn judge(self, tenant: &Tenant, writes: bool) -> Tried {
        if matches!(self, Self::Echo) {
            warn!(app = %tenant.slug(), install.id = %tenant.install_id(), alarm = true,
                "Withheld a reply of Cloud that holds the install's key");
        }
        let (health, again) = match self {
            Self::NoKey => (Health::Unknown, false),
            Self::NotSent | Self::Lost(_) => (Health::Failed, true),
            Self::TooLong | Self::Echo => (Health::Answered, false),
        };
        Tried {
            result: Err(self.into_error(writes)),
            health,
            again,
        }
    }

    fn into_error(self, writes: bool) -> CloudError {
        let sentence = self.sentence().to_owned();
        match self {
            Self::NoKey | Self::NotSent => unavailable(sentence),
            // Whatever came back could not be read: the write may have happened.
            _ if writes => CloudError::OutcomeUnknown(sentence),
            Self::Lost(_) => unavailable(sentence),
            Self::TooLong => CloudError::LimitExceeded(sentence),
            Self::Echo => CloudError::Other(sentence),
        }
    }

    fn sentence(&self) -> &'static str {
        match self {
            Self::NoKey => "the install's key does not open",
            Self::NotSent => "no connection to Cloud",
            Self::Lost(message) => message,
            Self::TooLong => "Cloud's answer is longer than allowed",
            Self::Echo => "Cloud's answer was withheld",
        }
    }
}

fn unavailable(message: String) -> CloudError {
    CloudError::Unavailable(Wait {
        message,
        retry_after_seconds: None,
    })
}
