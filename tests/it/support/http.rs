//! Requests and answers as values, and a client that remembers every byte it was answered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// Longest wait for one answer: a guard against hanging, not a goal.
const PATIENCE: Duration = Duration::from_mins(1);

/// A request, not sent yet.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// Path and query, or a whole address.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<reqwest::Body>,
}

impl Ask {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let method = method.parse().expect("a method");
        Self {
            method,
            target: target.to_owned(),
            headers: HeaderMap::new(),
            body: None,
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// Adds a header; one of the same name stays.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header's name");
        self.headers.append(
            name,
            HeaderValue::from_str(value).expect("a header's value"),
        );
        self
    }

    /// A body as it is, without a type.
    pub(crate) fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into().into());
        self
    }

    /// A JSON body with its type.
    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .bytes(body.to_string())
    }

    /// A body of unknown length, so that it is sent in chunks.
    pub(crate) fn chunked(mut self, pieces: Vec<Vec<u8>>) -> Self {
        let pieces = pieces.into_iter().map(Ok::<_, std::io::Error>);
        self.body = Some(reqwest::Body::wrap_stream(futures_util::stream::iter(
            pieces,
        )));
        self
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} with no JSON: {}", self.status, self.text()))
    }

    /// A header that must be there at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        assert!(values.next().is_none(), "{name} stands there twice");
        Some(value.to_str().expect("a header of visible ASCII"))
    }

    /// The headers without those that differ from answer to answer.
    pub(crate) fn lasting_headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.remove("date");
        headers.remove("x-request-id");
        headers
    }

    /// Asserts a status, and shows the answer where it is another.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Asserts a problem document of that status whose type ends in `kind`.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:airlock:problem:{kind}"));
        assert!(problem["title"].is_string(), "{problem}");
        problem
    }
}

/// A client of one origin. Clones share what they remember.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    origin: String,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Http {
    /// A client of an origin such as `http://127.0.0.1:8080`. It follows no redirect and keeps no cookie.
    pub(crate) fn new(origin: &str) -> Self {
        // Another test may have set the provider before.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        #[expect(clippy::disallowed_methods, reason = "the tests' own client")]
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .expect("a client");
        Self {
            client,
            origin: origin.to_owned(),
            heard: Arc::default(),
        }
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) async fn send(&self, ask: Ask) -> Answer {
        let line = format!("{} {:.60}", ask.method, ask.target);
        self.try_send(ask)
            .await
            .unwrap_or_else(|error| panic!("{line}: {error:?}"))
    }

    /// As [`Http::send`], where the other side may be killed meanwhile.
    pub(crate) async fn try_send(&self, ask: Ask) -> Result<Answer, reqwest::Error> {
        let address = if ask.target.starts_with('/') {
            format!("{}{}", self.origin, ask.target)
        } else {
            ask.target
        };
        let mut request = self
            .client
            .request(ask.method, address)
            .headers(ask.headers);
        if let Some(body) = ask.body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await?.to_vec();
        let answer = Answer {
            status,
            headers,
            body,
        };
        self.remember(&answer);
        Ok(answer)
    }

    fn remember(&self, answer: &Answer) {
        let mut heard = self.heard.lock().expect("no other holder panicked");
        for (name, value) in &answer.headers {
            heard.extend_from_slice(name.as_str().as_bytes());
            heard.extend_from_slice(b": ");
            heard.extend_from_slice(value.as_bytes());
            heard.push(b'\n');
        }
        heard.extend_from_slice(&answer.body);
        heard.push(b'\n');
    }

    /// Headers and bodies of every answer so far.
    pub(crate) fn heard(&self) -> Vec<u8> {
        self.heard.lock().expect("no other holder panicked").clone()
    }
}
