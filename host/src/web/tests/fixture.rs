//! A public listener over an empty database, without any app.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airlock_test_database::TestDatabase;
use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use axum::http::request::Builder;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use secrecy::ExposeSecret;
use tower::ServiceExt as _;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use crate::cloud::{Cloud, CloudSettings, Transport};
use crate::config::{DatabaseUrl, Rate, RateSettings, SourcePolicy};
use crate::install::{EndpointKind, Endpoints, GuestStore, Installs};
use crate::intake::{Intake, IntakeParts};
use crate::model::{AppId, Clock as _, InstallId, InstanceId, ManualClock, Slug, UnixMillis};
use crate::runtime::{Runtime, RuntimeSettings, Services};
use crate::secret::{Keyring, LaunchClaims, SecretList, Signer};
use crate::store::Database;
use crate::store::installs::Proof;
use crate::web::{EventVerifier, Unsigned, Web, WebParts, WebSettings, router};

/// The public origin of the tests.
pub(in crate::web::tests) const PUBLIC: &str = "https://apps.example.com";
/// More than any test asks for.
const RATE: Rate = Rate {
    per_second: 1_000_000,
    burst: 1_000_000,
};
/// An install event.
pub(in crate::web::tests) const INSTALL: &str = r#"{"installed_app_id":"instapp_1","app_id":"app_1","instance_id":"inst_1",
    "api_key":"blnk_test_key_0123456789","api_key_prefix":"blnk_tes","granted_permissions":["data:read"],
    "idempotency_key":"install:instapp_1"}"#;

/// The listener under test.
pub(in crate::web::tests) struct Fixture {
    pub(in crate::web::tests) web: Web,
    pub(in crate::web::tests) router: Router,
    pub(in crate::web::tests) clock: Arc<ManualClock>,
    pub(in crate::web::tests) callback: String,
    pub(in crate::web::tests) portal: String,
    _database: TestDatabase,
}

/// What came back.
pub(in crate::web::tests) struct Answer {
    pub(in crate::web::tests) status: StatusCode,
    pub(in crate::web::tests) headers: HeaderMap,
    pub(in crate::web::tests) body: Vec<u8>,
}

impl Answer {
    pub(in crate::web::tests) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The session that was opened.
    pub(in crate::web::tests) fn session(&self) -> &str {
        let (_, rest) = std::str::from_utf8(&self.body)
            .unwrap()
            .split_once(r#""session":""#)
            .unwrap();
        rest.split('"').next().unwrap()
    }

    /// The last cookie that was set, as it goes back.
    pub(in crate::web::tests) fn cookie(&self) -> String {
        let line = self
            .headers
            .get_all(SET_COOKIE)
            .iter()
            .next_back()
            .unwrap()
            .to_str()
            .unwrap();
        line.split(';').next().unwrap().to_owned()
    }
}

impl Fixture {
    /// Without an install.
    pub(in crate::web::tests) async fn new() -> Self {
        Self::on(TestDatabase::sqlite()).await
    }

    /// Without an install, on this database.
    pub(in crate::web::tests) async fn on(test: TestDatabase) -> Self {
        Self::with(test, Arc::new(Unsigned)).await
    }

    /// Without an install, and with another answer to whether Cloud's calls are signed.
    pub(in crate::web::tests) async fn verified_by(verifier: Arc<dyn EventVerifier>) -> Self {
        Self::with(TestDatabase::sqlite(), verifier).await
    }

    async fn with(test: TestDatabase, verifier: Arc<dyn EventVerifier>) -> Self {
        let clock = Arc::new(ManualClock::new(UnixMillis::new(1_800_000_000_000)));
        let url = DatabaseUrl::parse(test.url()).unwrap();
        let database = Database::open(&url).await.unwrap();
        let list = |letter| SecretList::parse(letter, &SecretList::generate(letter, 1)).unwrap();
        let keyring = Arc::new(Keyring::new(list('k')).unwrap());
        let installs = Installs::open(
            database.clone(),
            keyring.clone(),
            clock.clone(),
            BTreeMap::new(),
        )
        .await
        .unwrap();
        let endpoints = Endpoints::open(database, keyring, clock.clone())
            .await
            .unwrap();
        let slug = Slug::parse("kyc").unwrap();
        endpoints.ensure(&slug).await.unwrap();
        let address = |kind: EndpointKind| {
            let secret = endpoints.newest(kind, &slug).unwrap();
            #[expect(
                clippy::disallowed_methods,
                reason = "the test plays Cloud, who knows the address"
            )]
            let secret = secret.expose_secret();
            format!("/api/{}/kyc/{secret}", kind.as_str())
        };
        let (callback, portal) = (
            address(EndpointKind::Callback),
            address(EndpointKind::Portal),
        );
        let (runtime, intake) = floors_between(&installs, &clock);
        let web = Web::new(WebParts {
            settings: WebSettings {
                public_url: PUBLIC.parse().unwrap(),
                frame_ancestors: vec!["'self'".to_owned(), "https://dashboard.example".to_owned()],
                session_ttl: Duration::from_mins(10),
                trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
                requests_per_client: 64,
                sources: SourcePolicy::default(),
                rates: RateSettings {
                    unknown: RATE,
                    cloud: RATE,
                    session: RATE,
                },
                development: false,
            },
            installs,
            endpoints,
            intake,
            signer: Signer::new(list('s')),
            verifier,
            runtime,
            clock: clock.clone(),
            tasks: tokio_util::task::TaskTracker::new(),
            stopping: tokio_util::sync::CancellationToken::new(),
        })
        .unwrap();
        Self {
            router: router(web.clone()),
            web,
            clock,
            callback,
            portal,
            _database: test,
        }
    }

    /// With one active install.
    pub(in crate::web::tests) async fn with_install() -> Self {
        Self::with_install_on(TestDatabase::sqlite()).await
    }

    /// With one active install, on this database.
    pub(in crate::web::tests) async fn with_install_on(test: TestDatabase) -> Self {
        let fixture = Self::on(test).await;
        assert_eq!(
            fixture
                .send_request(json_post(&fixture.callback, INSTALL))
                .await
                .status,
            StatusCode::OK
        );
        let installs = fixture.web.installs();
        let attempt = installs
            .provable(&InstallId::parse("instapp_1").unwrap(), 1)
            .await
            .unwrap()
            .unwrap();
        installs
            .accept(attempt, Proof::Answered, None)
            .await
            .unwrap();
        fixture
    }

    /// A fresh launch token of the install. Signed here, because no app serves and so no launch is answered.
    pub(in crate::web::tests) fn launch_token(&self) -> String {
        let claims = LaunchClaims {
            app: AppId::parse("app_1").unwrap(),
            install: InstallId::parse("instapp_1").unwrap(),
            instance: InstanceId::parse("inst_1").unwrap(),
            user: None,
            generation: 1,
        };
        self.web
            .signer()
            .issue_launch(&claims, self.clock.now())
            .as_str()
            .to_owned()
    }

    /// Exchanges a token as the enter page does.
    pub(in crate::web::tests) async fn open_session(
        &self,
        token: &str,
        cookies: Option<&str>,
    ) -> Answer {
        let mut request = json_post("/session", &format!(r#"{{"token":"{token}"}}"#));
        request
            .headers_mut()
            .insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        if let Some(cookies) = cookies {
            request
                .headers_mut()
                .insert(COOKIE, HeaderValue::from_str(cookies).unwrap());
        }
        self.send_request(request).await
    }

    /// Sends a request without a body to the public name.
    pub(in crate::web::tests) async fn send(&self, request: Builder) -> Answer {
        self.send_request(request.body(Body::empty()).unwrap())
            .await
    }

    /// Sends a request to the public name.
    pub(in crate::web::tests) async fn send_request(&self, mut request: Request<Body>) -> Answer {
        request
            .headers_mut()
            .insert(HOST, HeaderValue::from_static("apps.example.com"));
        send_to(&self.router, request).await
    }
}

/// The floors under the web floor, with a Cloud that is not there and no apps.
fn floors_between(installs: &Installs, clock: &Arc<ManualClock>) -> (Runtime, Intake) {
    let settings = CloudSettings {
        api_url: "http://127.0.0.1:9".parse().unwrap(),
        instance_id_on_alerts: true,
        allow_detokenize: false,
    };
    let cloud = Cloud::new(Transport::new(settings).unwrap(), installs.clone());
    let database = installs.database().clone();
    let guest_store = GuestStore::new(database, installs.keyring().clone(), clock.clone());
    let services = Services {
        cloud: cloud.clone(),
        guest_store: guest_store.clone(),
        clock: clock.clone(),
    };
    let runtime = Runtime::new(RuntimeSettings::default(), services).unwrap();
    let parts = IntakeParts {
        installs: installs.clone(),
        cloud,
        runtime: runtime.clone(),
        guest_store,
        clock: clock.clone(),
    };
    (runtime, Intake::new(parts))
}

/// A `GET` to the public name.
pub(in crate::web::tests) fn request(path: &str) -> Request<Body> {
    Request::get(path)
        .header(HOST, "apps.example.com")
        .body(Body::empty())
        .unwrap()
}

/// A `POST` of JSON.
pub(in crate::web::tests) fn json_post(path: &str, body: &str) -> Request<Body> {
    Request::post(path)
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

/// Sends a request as it is.
pub(in crate::web::tests) async fn send_to(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap()
        .to_vec();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

/// What was logged by this thread.
#[derive(Clone, Default)]
pub(in crate::web::tests) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(in crate::web::tests) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Keeps everything that this thread logs, down to TRACE, until the guard is dropped.
pub(in crate::web::tests) fn capture_log() -> (Log, DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}
