//! Requests and responses as plain data, with what an API over JSON needs.

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::Problem;

/// A request of the portal page, or to a connected service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// In upper case.
    pub method: String,
    /// Segments, percent-decoded. For a portal call those after `api/`.
    pub path: Vec<String>,
    /// Pairs in order, percent-decoded.
    pub query: Vec<(String, String)>,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// Whole; empty where there is none.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without query, headers and body. The path is split at its slashes, leading and doubled ones left out.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path
                .split('/')
                .filter(|segment| !segment.is_empty())
                .map(str::to_owned)
                .collect(),
            ..Self::default()
        }
    }

    /// With one more query parameter.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body and its media type.
    #[must_use]
    pub fn with_body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.headers
            .push(("content-type".to_owned(), media_type.to_owned()));
        self.body = body.into();
        self
    }

    /// The first query parameter of this name.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// The first header of this name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// The body as JSON: 415 for another media type, 400 for broken JSON, 422 for JSON of another shape than `T`.
    ///
    /// A missing `content-type` is read as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if let Some(content_type) = self.header("content-type")
            && !is_json(content_type)
        {
            return Err(Problem::unsupported_media_type());
        }
        // Read once. Whether it is JSON at all is asked only of what does not fit.
        serde_json::from_slice(&self.body).map_err(|_| {
            match serde_json::from_slice::<IgnoredAny>(&self.body) {
                Ok(_) => Problem::unprocessable(None, "The body has an unexpected shape."),
                Err(_) => Problem::bad_request("The body is not JSON."),
            }
        })
    }
}

/// An answer to the portal page, or of a connected service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// Whole.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer without body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// 200 with a value as JSON.
    pub fn json(value: &impl Serialize) -> Self {
        Self::json_with_status(200, value)
    }

    /// Any status with a value as JSON. A type whose `Serialize` fails gives a 500.
    pub fn json_with_status(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::empty(status).with_body("application/json", body),
            Err(_) => Problem::internal("The answer could not be written.").into(),
        }
    }

    /// With one more header; the name is given in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body and its media type.
    #[must_use]
    pub fn with_body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with_header("content-type", media_type)
    }

    /// The first header of this name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }
}

fn first<'pairs>(pairs: &'pairs [(String, String)], name: &str) -> Option<&'pairs str> {
    pairs
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

/// `application/json` or anything ending in `+json`, whatever its parameters and case.
fn is_json(content_type: &str) -> bool {
    let media_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    media_type == "application/json" || media_type.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(media_type: &str, body: &str) -> Result<u8, u16> {
        Request::new("POST", "/")
            .with_body(media_type, body)
            .json::<u8>()
            .map_err(|problem| problem.status())
    }

    #[test]
    fn a_body_that_is_not_the_expected_json_is_refused_by_its_kind() {
        assert_eq!(status_of("application/json; charset=utf-8", "7"), Ok(7));
        assert_eq!(status_of("application/merge+JSON", "7"), Ok(7));
        assert_eq!(status_of("text/plain", "7"), Err(415));
        assert_eq!(status_of("application/json", "{"), Err(400));
        assert_eq!(status_of("application/json", ""), Err(400));
        assert_eq!(status_of("application/json", "[]"), Err(422));
        assert_eq!(status_of("application/json", "[}"), Err(400));
    }

    #[test]
    fn paths_are_split_into_segments() {
        assert_eq!(
            Request::new("GET", "/identities//idt_1").path,
            ["identities", "idt_1"]
        );
        assert!(Request::new("GET", "/").path.is_empty());
    }
}
