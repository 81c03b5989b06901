//! A tiny app server that answers as it is told and remembers what it was sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_cloud_sim::{CloudSim, Registration};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The secret in the app's addresses.
pub(crate) const SECRET: &str = "S3cretS3cretS3cretS3cret";

/// How the app behaves.
#[derive(Clone)]
pub(crate) struct Behavior {
    /// Statuses of the next callbacks; the last one stays.
    pub(crate) callback_statuses: Vec<u16>,
    /// What a callback answers beside its status.
    pub(crate) callback_body: Value,
    /// How long a callback takes.
    pub(crate) callback_delay: Duration,
    /// Status and body of a launch.
    pub(crate) portal: (u16, String),
    /// The page's headers.
    pub(crate) page_policy: Option<String>,
}

/// What the app was sent.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) idempotency_header: Option<String>,
    pub(crate) body: Value,
}

/// A running app.
#[derive(Clone)]
pub(crate) struct FakeApp {
    pub(crate) base: String,
    pub(crate) behavior: Arc<Mutex<Behavior>>,
    pub(crate) received: Arc<Mutex<Vec<Received>>>,
}

impl FakeApp {
    /// Starts an app that accepts everything.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let behavior = Behavior {
            callback_statuses: vec![200],
            callback_body: json!({ "ok": true }),
            callback_delay: Duration::ZERO,
            portal: (
                200,
                json!({ "portal_url": format!("{base}/page?token=very-secret-token") }).to_string(),
            ),
            page_policy: None,
        };
        let app = Self {
            base,
            behavior: Arc::new(Mutex::new(behavior)),
            received: Arc::default(),
        };
        let router = Router::new()
            .route("/api/callback/demo/{secret}", get(probe).post(callback))
            .route("/api/portal/demo/{secret}", get(probe).post(portal))
            .route("/page", get(page))
            .with_state(app.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        app
    }

    /// Registers the app, asking for all four permissions.
    pub(crate) async fn register(&self, sim: &CloudSim) -> String {
        sim.register(self.registration()).await.app_id
    }

    /// The app's form.
    pub(crate) fn registration(&self) -> Registration {
        let permissions =
            super::support::ALL.map(|scope| (scope.to_owned(), format!("To use {scope}.")));
        Registration {
            slug: "demo".to_owned(),
            name: "Demo".to_owned(),
            callback_url: format!("{}/api/callback/demo/{SECRET}", self.base),
            portal_generator_url: format!("{}/api/portal/demo/{SECRET}", self.base),
            permissions: permissions.to_vec(),
            ..Registration::default()
        }
    }

    /// Changes how the app behaves.
    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behavior)) {
        change(&mut self.behavior.lock().unwrap());
    }

    /// The bodies that were posted to the callback, oldest first.
    pub(crate) fn callbacks(&self) -> Vec<Received> {
        let received = self.received.lock().unwrap();
        received
            .iter()
            .filter(|received| received.path == "callback")
            .cloned()
            .collect()
    }

    /// The bodies that were posted to the portal generator.
    pub(crate) fn launches(&self) -> Vec<Received> {
        let received = self.received.lock().unwrap();
        received
            .iter()
            .filter(|received| received.path == "portal")
            .cloned()
            .collect()
    }

    fn remember(&self, path: &str, headers: &HeaderMap, body: &Bytes) {
        let header = headers.get("idempotency-key");
        self.received.lock().unwrap().push(Received {
            path: path.to_owned(),
            idempotency_header: header.map(|value| value.to_str().unwrap().to_owned()),
            body: serde_json::from_slice(body).unwrap(),
        });
    }
}

async fn probe() -> StatusCode {
    StatusCode::OK
}

async fn callback(State(app): State<FakeApp>, headers: HeaderMap, body: Bytes) -> Response {
    app.remember("callback", &headers, &body);
    let (status, body, delay) = {
        let mut behavior = app.behavior.lock().unwrap();
        let status = behavior.callback_statuses[0];
        if behavior.callback_statuses.len() > 1 {
            behavior.callback_statuses.remove(0);
        }
        (
            status,
            behavior.callback_body.to_string(),
            behavior.callback_delay,
        )
    };
    tokio::time::sleep(delay).await;
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

async fn portal(State(app): State<FakeApp>, headers: HeaderMap, body: Bytes) -> Response {
    app.remember("portal", &headers, &body);
    let (status, body) = app.behavior.lock().unwrap().portal.clone();
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

async fn page(State(app): State<FakeApp>) -> Response {
    let policy = app.behavior.lock().unwrap().page_policy.clone();
    match policy {
        Some(policy) => ([("content-security-policy", policy)], "page").into_response(),
        None => "page".into_response(),
    }
}
