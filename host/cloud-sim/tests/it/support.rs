//! A simulation on a free port and a client that holds a key to it.

use std::time::Duration;

use airlock_cloud_sim::{CloudSim, Options, Switches};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// Far above what anything here takes; it only keeps a broken test from hanging.
pub(crate) const GUARD: Duration = Duration::from_secs(20);

/// All four permissions.
pub(crate) const ALL: [&str; 4] = ["data:read", "data:write", "alerts:read", "alerts:write"];

/// A simulation with these switches and events that time out soon.
pub(crate) async fn sim_with(change: impl FnOnce(&mut Switches)) -> CloudSim {
    let mut switches = Switches {
        queue_delay_ms: 30,
        ..Switches::default()
    };
    change(&mut switches);
    let event_timeout = Duration::from_millis(1_500);
    CloudSim::start(Options {
        switches,
        event_timeout,
        ..Options::default()
    })
    .await
    .unwrap()
}

/// A plain simulation.
pub(crate) async fn sim() -> CloudSim {
    sim_with(|_| {}).await
}

/// An HTTP client that follows nothing.
#[expect(clippy::disallowed_methods, reason = "the tests' own client")]
pub(crate) fn http() -> reqwest::Client {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(GUARD)
        .build()
        .unwrap()
}

/// A caller of the Cloud APIs.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    pub(crate) api_key: String,
    pub(crate) instance_id: String,
}

impl Client {
    /// A caller with a key of its own.
    pub(crate) async fn new(sim: &CloudSim, granted: &[&str]) -> Self {
        let issued = sim.issue_key(granted).await;
        Self {
            http: http(),
            base: sim.api_url().as_str().trim_end_matches('/').to_owned(),
            api_key: issued.api_key,
            instance_id: issued.instance_id,
        }
    }

    /// The same caller with another key.
    pub(crate) fn with_key(&self, api_key: &str) -> Self {
        Self {
            api_key: api_key.to_owned(),
            ..self.clone()
        }
    }

    /// A request to exactly this path and query.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.api_key)
    }

    /// The same without a key.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// The path with the caller's instance added.
    pub(crate) fn on_instance(&self, path: &str) -> String {
        let mark = if path.contains('?') { '&' } else { '?' };
        format!("{path}{mark}instance_id={}", self.instance_id)
    }

    /// Reads from the caller's instance.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, &self.on_instance(path))).await
    }

    /// Posts to the caller's instance.
    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(
            self.request(Method::POST, &self.on_instance(path))
                .json(&body),
        )
        .await
    }

    /// Puts to the caller's instance.
    pub(crate) async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        answer(
            self.request(Method::PUT, &self.on_instance(path))
                .json(&body),
        )
        .await
    }

    /// Deletes on the caller's instance.
    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::DELETE, &self.on_instance(path))).await
    }

    /// Asks until the answer satisfies the condition, and gives up at the guard.
    pub(crate) async fn get_until(&self, path: &str, enough: impl Fn(&Value) -> bool) -> Value {
        let waiting = async {
            loop {
                let (_, body) = self.get(path).await;
                if enough(&body) {
                    return body;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(GUARD, waiting)
            .await
            .expect("the awaited state never came")
    }
}

/// Status and JSON of an answer.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// The sentence or sentences of an error.
pub(crate) fn error_code(body: &Value) -> &str {
    body["error_detail"]["code"].as_str().unwrap_or_default()
}

/// Waits until a condition of the simulation holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(GUARD, waiting).await.is_ok(),
        "never happened: {what}"
    );
}
