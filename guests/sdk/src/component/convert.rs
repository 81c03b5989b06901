//! From this crate's types to the contract's and back.

use crate::bindings::blnk::app::{cloud_types, connections, http_types, jobs, store};
use crate::bindings::exports::blnk::app::lifecycle;
use crate::error::{ApiError, CloudError, ConnectionError, JobError, StoreError, Wait};
use crate::host::{Condition, Entry};
use crate::http::Request;
use crate::{Delivery, Failure, Page, Scope};

impl From<Page> for cloud_types::Page {
    fn from(page: Page) -> Self {
        Self {
            number: page.number,
            size: page.size,
        }
    }
}

impl From<cloud_types::ApiError> for ApiError {
    fn from(error: cloud_types::ApiError) -> Self {
        Self {
            status: error.status,
            code: error.code,
            message: error.message,
        }
    }
}

impl From<cloud_types::Wait> for Wait {
    fn from(wait: cloud_types::Wait) -> Self {
        Self {
            message: wait.message,
            retry_after_seconds: wait.retry_after_seconds,
        }
    }
}

impl From<cloud_types::CloudError> for CloudError {
    fn from(error: cloud_types::CloudError) -> Self {
        use cloud_types::CloudError as Wire;
        match error {
            Wire::NotGranted(scope) => Self::NotGranted(Scope::from(scope.as_str())),
            Wire::NotRequested(scope) => Self::NotRequested(Scope::from(scope.as_str())),
            Wire::InvalidRequest(reason) => Self::InvalidRequest(reason),
            Wire::NotFound => Self::NotFound,
            Wire::Conflict(error) => Self::Conflict(error.into()),
            Wire::RateLimited(wait) => Self::RateLimited(wait.into()),
            Wire::Rejected(error) => Self::Rejected(error.into()),
            Wire::Unavailable(wait) => Self::Unavailable(wait.into()),
            Wire::OutcomeUnknown(reason) => Self::OutcomeUnknown(reason),
            Wire::Revoked => Self::Revoked,
            Wire::LimitExceeded(reason) => Self::LimitExceeded(reason),
            Wire::Other(reason) => Self::Other(reason),
        }
    }
}

impl From<store::StoreError> for StoreError {
    fn from(error: store::StoreError) -> Self {
        use store::StoreError as Wire;
        match error {
            Wire::TooLarge => Self::TooLarge,
            Wire::QuotaExceeded => Self::QuotaExceeded,
            Wire::Conflict(version) => Self::Conflict(version),
            Wire::InvalidKey => Self::InvalidKey,
            Wire::Unavailable => Self::Unavailable,
            Wire::Other(reason) => Self::Other(reason),
        }
    }
}

impl From<connections::ConnectionError> for ConnectionError {
    fn from(error: connections::ConnectionError) -> Self {
        use connections::ConnectionError as Wire;
        match error {
            Wire::NotConnected => Self::NotConnected,
            Wire::InvalidRequest(reason) => Self::InvalidRequest(reason),
            Wire::Unavailable(reason) => Self::Unavailable(reason),
            Wire::OutcomeUnknown(reason) => Self::OutcomeUnknown(reason),
            Wire::LimitExceeded(reason) => Self::LimitExceeded(reason),
            Wire::Other(reason) => Self::Other(reason),
        }
    }
}

impl From<jobs::JobError> for JobError {
    fn from(error: jobs::JobError) -> Self {
        use jobs::JobError as Wire;
        match error {
            Wire::UnknownJob => Self::UnknownJob,
            Wire::TooLarge => Self::TooLarge,
            Wire::QuotaExceeded => Self::QuotaExceeded,
            Wire::Unavailable => Self::Unavailable,
            Wire::Other(reason) => Self::Other(reason),
        }
    }
}

impl From<store::Entry> for Entry {
    fn from(entry: store::Entry) -> Self {
        Self {
            value: entry.value,
            version: entry.version,
        }
    }
}

impl From<Condition> for store::Condition {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Always => Self::Always,
            Condition::Absent => Self::Absent,
            Condition::Version(version) => Self::Version(version),
        }
    }
}

impl From<Request> for http_types::Request {
    fn from(request: Request) -> Self {
        Self {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers,
            body: request.body,
        }
    }
}

impl From<lifecycle::Delivery> for Delivery {
    fn from(delivery: lifecycle::Delivery) -> Self {
        Self {
            id: delivery.id,
            attempt: delivery.attempt,
        }
    }
}

impl From<Failure> for lifecycle::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Retry(reason) => Self::Retry(reason),
            Failure::GiveUp(reason) => Self::GiveUp(reason),
        }
    }
}
