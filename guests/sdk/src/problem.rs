//! Refusals as problem documents (RFC 9457), and the one table from the host's errors to them.

use serde_json::{Map, Value};

use crate::Scope;
use crate::error::{CloudError, ConnectionError, StoreError};
use crate::http::Response;

/// Seconds to wait where the host does not say: long enough not to hurry, short enough to wait for.
const DEFAULT_RETRY_AFTER: u32 = 5;

/// A refusal as `application/problem+json`. Handlers answer `Result<Response, Problem>` and use `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(Box<Document>);

/// What a problem says. In a box, since results carry it all the way up.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Document {
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    scope: Option<Scope>,
    field: Option<String>,
    headers: Vec<(String, String)>,
}

impl Problem {
    /// A problem of the app's own. `kind` is a short name for programs, `title` the same for people, `detail` says what happened
    /// this time.
    pub fn new(
        status: u16,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Document {
            kind,
            title,
            status,
            detail: detail.into(),
            scope: None,
            field: None,
            headers: Vec::new(),
        }))
    }

    /// 400.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, "bad-request", "Bad request", detail)
    }

    /// 403 for a scope that the user did not grant, naming it.
    pub fn not_granted(scope: Scope) -> Self {
        let detail = format!("This needs the permission {scope}, which was not granted.");
        let mut problem = Self::new(403, "not-granted", "Permission not granted", detail);
        problem.0.scope = Some(scope);
        problem
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, "not-found", "Not found", detail)
    }

    /// 405 with the methods that would do.
    pub fn method_not_allowed(allowed: &str) -> Self {
        let detail = format!("This address takes {allowed}.");
        Self::new(405, "method-not-allowed", "Method not allowed", detail)
            .with_header("allow", allowed)
    }

    /// 409.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(409, "conflict", "Conflict", detail)
    }

    /// 415: only JSON is read.
    pub fn unsupported_media_type() -> Self {
        Self::new(
            415,
            "unsupported-media-type",
            "Unsupported media type",
            "The body must be application/json.",
        )
    }

    /// 422, naming the field where there is one.
    pub fn unprocessable(field: Option<&str>, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(422, "invalid", "Invalid request", detail);
        problem.0.field = field.map(str::to_owned);
        problem
    }

    /// 500.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(500, "internal", "Internal error", detail)
    }

    /// With one more header, such as `retry-after`; the name is given in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another sentence after what happened.
    #[must_use]
    pub fn with_advice(mut self, sentence: &str) -> Self {
        self.0.detail.push(' ');
        self.0.detail.push_str(sentence);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// What happened this time.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The missing scope of a 403.
    pub fn scope(&self) -> Option<&Scope> {
        self.0.scope.as_ref()
    }

    /// The offending field of a 422.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    fn retry_after(self, seconds: Option<u32>) -> Self {
        let seconds = seconds.unwrap_or(DEFAULT_RETRY_AFTER);
        self.with_header("retry-after", &seconds.to_string())
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let problem = *problem.0;
        let mut document = Map::new();
        let kind = format!("urn:airlock:problem:{}", problem.kind);
        document.insert("type".to_owned(), kind.into());
        document.insert("title".to_owned(), problem.title.into());
        document.insert("status".to_owned(), problem.status.into());
        document.insert("detail".to_owned(), problem.detail.into());
        if let Some(scope) = &problem.scope {
            document.insert("scope".to_owned(), scope.as_str().into());
        }
        if let Some(field) = problem.field {
            document.insert("field".to_owned(), field.into());
        }
        let mut response = Response::empty(problem.status).with_body(
            "application/problem+json",
            Value::Object(document).to_string(),
        );
        response.headers.extend(problem.headers);
        response
    }
}

impl From<CloudError> for Problem {
    fn from(error: CloudError) -> Self {
        let detail = error.to_string();
        match error {
            CloudError::NotGranted(scope) => Self::not_granted(scope),
            CloudError::NotRequested(scope) => {
                let mut problem = Self::not_granted(scope);
                problem.0.detail = detail;
                problem
            }
            // The app itself is at fault: what it asked for is outside the contract.
            CloudError::InvalidRequest(_) => Self::internal(detail),
            CloudError::NotFound => Self::not_found("The ledger has no such entity."),
            CloudError::Conflict(_) => Self::conflict(detail),
            CloudError::RateLimited(wait) => {
                Self::new(429, "rate-limited", "Too many requests", detail)
                    .retry_after(wait.retry_after_seconds)
            }
            CloudError::Rejected(_) => Self::new(502, "rejected", "Refused by Cloud", detail),
            CloudError::Unavailable(wait) => {
                Self::new(503, "unavailable", "Cloud is not available", detail)
                    .retry_after(wait.retry_after_seconds)
            }
            CloudError::OutcomeUnknown(_) => {
                Self::new(502, "outcome-unknown", "Outcome unknown", detail)
            }
            CloudError::Revoked => Self::new(401, "revoked", "The install has ended", detail),
            CloudError::LimitExceeded(_) => {
                Self::new(503, "limit-exceeded", "Limit exceeded", detail)
            }
            CloudError::Other(_) => Self::new(502, "cloud", "Cloud did not answer well", detail),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        match error {
            StoreError::Conflict(_) => Self::conflict(detail),
            StoreError::Unavailable => {
                Self::new(503, "unavailable", "The store is not available", detail)
                    .retry_after(None)
            }
            StoreError::TooLarge | StoreError::QuotaExceeded => {
                Self::new(507, "store-full", "The store is full", detail)
            }
            StoreError::InvalidKey | StoreError::Other(_) => Self::internal(detail),
        }
    }
}

impl From<ConnectionError> for Problem {
    fn from(error: ConnectionError) -> Self {
        let detail = error.to_string();
        match error {
            ConnectionError::NotConnected => {
                Self::new(503, "not-connected", "Service not connected", detail)
            }
            ConnectionError::InvalidRequest(_) => Self::internal(detail),
            ConnectionError::Unavailable(_) => {
                Self::new(503, "unavailable", "The service is not available", detail)
                    .retry_after(None)
            }
            ConnectionError::OutcomeUnknown(_) => {
                Self::new(502, "outcome-unknown", "Outcome unknown", detail)
            }
            ConnectionError::LimitExceeded(_) => {
                Self::new(503, "limit-exceeded", "Limit exceeded", detail)
            }
            ConnectionError::Other(_) => {
                Self::new(502, "service", "The service did not answer well", detail)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ApiError, Wait};

    fn document(error: CloudError) -> (Response, Value) {
        let response = Response::from(Problem::from(error));
        let document = serde_json::from_slice(&response.body).unwrap();
        (response, document)
    }

    #[test]
    fn a_scope_that_was_not_granted_is_a_403_that_names_it() {
        for error in [
            CloudError::NotGranted(Scope::DataWrite),
            CloudError::NotRequested(Scope::DataWrite),
        ] {
            let (response, document) = document(error);
            assert_eq!(response.status, 403);
            assert_eq!(
                response.header("content-type"),
                Some("application/problem+json")
            );
            assert_eq!(document["scope"], "data:write");
            assert_eq!(document["status"], 403);
        }
    }

    #[test]
    fn waiting_is_said_in_a_header() {
        let wait = |retry_after_seconds| Wait {
            message: "slow".to_owned(),
            retry_after_seconds,
        };
        let (limited, _) = document(CloudError::RateLimited(wait(Some(30))));
        assert_eq!(
            (limited.status, limited.header("retry-after")),
            (429, Some("30"))
        );
        let (unavailable, _) = document(CloudError::Unavailable(wait(None)));
        assert_eq!(
            (unavailable.status, unavailable.header("retry-after")),
            (503, Some("5"))
        );
    }

    #[test]
    fn each_error_has_its_status() {
        let api = ApiError {
            status: 409,
            code: None,
            message: "taken".to_owned(),
        };
        for (error, status) in [
            (CloudError::InvalidRequest("x".to_owned()), 500),
            (CloudError::NotFound, 404),
            (CloudError::Conflict(api.clone()), 409),
            (CloudError::Rejected(api), 502),
            (CloudError::OutcomeUnknown("x".to_owned()), 502),
            (CloudError::Revoked, 401),
            (CloudError::LimitExceeded("x".to_owned()), 503),
            (CloudError::Other("x".to_owned()), 502),
        ] {
            assert_eq!(Problem::from(error.clone()).status(), status, "{error}");
        }
        assert_eq!(Problem::from(StoreError::Conflict(Some(3))).status(), 409);
        assert_eq!(Problem::from(StoreError::TooLarge).status(), 507);
    }
}
