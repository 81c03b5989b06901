//! The wire between a host and its Cloud: notes every request as it was sent, and can keep one back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

const LARGEST_BODY: usize = 8 * 1024 * 1024;

/// A request that the host sent to Cloud.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A proxy before a Cloud. It ends with the runtime that it was started on.
pub(crate) struct Wire {
    api_url: Url,
    inner: Arc<Inner>,
}

struct Inner {
    upstream: Url,
    client: reqwest::Client,
    heard: Mutex<Vec<Heard>>,
    /// The next request whose path contains this is kept back for ever.
    keep_back: Mutex<Option<String>>,
    kept_back: watch::Sender<usize>,
}

impl Wire {
    pub(crate) async fn start(upstream: Url) -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        #[expect(clippy::disallowed_methods, reason = "the tests' own client")]
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let inner = Arc::new(Inner {
            upstream,
            client,
            heard: Mutex::default(),
            keep_back: Mutex::default(),
            kept_back: watch::channel(0).0,
        });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            api_url: format!("http://{address}/").parse().expect("an address"),
            inner,
        }
    }

    pub(crate) fn api_url(&self) -> Url {
        self.api_url.clone()
    }

    /// Every request so far, those kept back among them.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.inner
            .heard
            .lock()
            .expect("no other holder panicked")
            .clone()
    }

    /// Keeps back the next request whose path contains `matching`: it never reaches Cloud, and is never answered.
    pub(crate) fn keep_back(&self, matching: &str) {
        let mut slot = self
            .inner
            .keep_back
            .lock()
            .expect("no other holder panicked");
        *slot = Some(matching.to_owned());
    }

    /// Waits until that has happened `times` times since the start.
    pub(crate) async fn wait_until_kept_back(&self, times: usize) {
        let mut kept = self.inner.kept_back.subscribe();
        let waited = kept.wait_for(|kept| *kept >= times);
        let waited = tokio::time::timeout(Duration::from_mins(1), waited).await;
        waited
            .expect("a request comes within 60 s")
            .expect("the wire stands");
    }
}

async fn pass(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_BODY).await.expect("the host's body");
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str())
        .to_owned();
    inner
        .heard
        .lock()
        .expect("no other holder panicked")
        .push(Heard {
            method: parts.method.to_string(),
            target: target.clone(),
            headers: parts.headers.clone(),
            body: body.to_vec(),
        });
    if inner.takes_back(&target) {
        inner.kept_back.send_modify(|kept| *kept += 1);
        std::future::pending::<()>().await;
    }
    inner
        .forward(parts.method, &target, parts.headers, body)
        .await
}

impl Inner {
    fn takes_back(&self, target: &str) -> bool {
        let mut slot = self.keep_back.lock().expect("no other holder panicked");
        let path = target.split('?').next().unwrap_or_default();
        let wanted = slot
            .as_ref()
            .is_some_and(|matching| path.contains(matching));
        wanted && slot.take().is_some()
    }

    async fn forward(
        &self,
        method: axum::http::Method,
        target: &str,
        mut headers: HeaderMap,
        body: axum::body::Bytes,
    ) -> Response {
        headers.remove("host");
        headers.remove("content-length");
        let address = self.upstream.join(target).expect("an address");
        let sent = self
            .client
            .request(method, address)
            .headers(headers)
            .body(body)
            .send()
            .await;
        let Ok(answer) = sent else {
            return StatusCode::BAD_GATEWAY.into_response();
        };
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove("transfer-encoding");
        let Ok(body) = answer.bytes().await else {
            return StatusCode::BAD_GATEWAY.into_response();
        };
        (status, headers, Body::from(body)).into_response()
    }
}
