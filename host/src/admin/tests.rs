//! The operator's listener: what stands open, what wants the token, and who is not spoken to at all.

use airlock_test_database::{TestDatabase, on_both};
use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use tower::ServiceExt as _;

use super::*;
use crate::cloud::{Cloud, CloudSettings, Transport};
use crate::config::DatabaseUrl;
use crate::install::GuestStore;
use crate::model::{ManualClock, Slug, UnixMillis};
use crate::runtime::{RuntimeSettings, Services};
use crate::secret::{Keyring, SecretList};
use crate::store::Database;

on_both!(
    health_and_readiness_stand_open_and_the_rest_wants_the_token,
    a_database_that_is_gone_makes_the_host_unready,
);

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A host without apps and installs.
async fn parts(database: &TestDatabase) -> AdminParts {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(UnixMillis::new(1_800_000_000_000)));
    let url = DatabaseUrl::parse(database.url()).unwrap();
    let database = Database::open(&url).await.unwrap();
    let list = SecretList::parse('k', &SecretList::generate('k', 1)).unwrap();
    let keyring = Arc::new(Keyring::new(list).unwrap());
    let installs = Installs::open(
        database.clone(),
        keyring.clone(),
        clock.clone(),
        BTreeMap::new(),
    )
    .await
    .unwrap();
    let endpoints = Endpoints::open(database.clone(), keyring.clone(), clock.clone())
        .await
        .unwrap();
    endpoints
        .ensure(&Slug::parse("kyc").unwrap())
        .await
        .unwrap();
    let switches = crate::install::Switches::open(database.clone(), clock.clone())
        .await
        .unwrap();
    let settings = CloudSettings {
        api_url: "http://127.0.0.1:9".parse().unwrap(),
        instance_id_on_alerts: true,
        allow_detokenize: false,
    };
    let cloud = Cloud::new(Transport::new(settings).unwrap(), installs.clone());
    let guest_store = GuestStore::new(database, keyring, clock.clone());
    let services = Services {
        cloud,
        guest_store,
        clock: clock.clone(),
    };
    AdminParts {
        stopping: tokio_util::sync::CancellationToken::new(),
        installs,
        endpoints,
        switches,
        runtime: Runtime::new(RuntimeSettings::default(), services).unwrap(),
        public_url: None,
        clock,
        token: AdminToken::new(TOKEN),
    }
}

async fn ask(parts: &AdminParts, path: &str, token: Option<&str>) -> (StatusCode, String) {
    let mut request = Request::get(path).header("host", "127.0.0.1:9090");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = router(parts.clone())
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(
        response.headers()["content-security-policy"],
        "default-src 'none'; frame-ancestors 'none'"
    );
    assert_eq!(response.headers()["cache-control"], "no-store");
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[test]
fn only_the_token_matches_and_it_is_never_printed() {
    let token = AdminToken::new(TOKEN).unwrap();
    assert!(token.matches(TOKEN));
    assert!(!token.matches(&TOKEN.to_uppercase()));
    assert!(!token.matches(""));
    assert_eq!(format!("{token:?}"), "AdminToken([redacted])");
    assert!(AdminToken::new("short").is_none());
}

#[tokio::test]
async fn while_apps_of_the_start_wait_for_the_compiler_the_host_is_not_ready() {
    let (database, plugins) = (TestDatabase::sqlite(), tempfile::tempdir().unwrap());
    let parts = parts(&database).await;
    let package = plugins.path().join("kyc");
    std::fs::create_dir_all(package.join("ui")).unwrap();
    for (name, bytes) in [
        ("app.toml", b"name = \"A\"\nversion = \"1.0.0\"".to_vec()),
        ("app.wasm", airlock_test_guests::guest("")),
        ("ui/index.html", b"<p>".to_vec()),
    ] {
        std::fs::write(package.join(name), bytes).unwrap();
    }
    parts.runtime.load_cached(plugins.path()).await;
    let (status, body) = ask(&parts, "/ready", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("compiled for the first time: 1"), "{body}");
    parts.runtime.load_folder(plugins.path()).await;
    assert_eq!(ask(&parts, "/ready", None).await.0, StatusCode::OK);
}

async fn health_and_readiness_stand_open_and_the_rest_wants_the_token(database: TestDatabase) {
    let mut parts = parts(&database).await;
    assert_eq!(
        ask(&parts, "/health", None).await,
        (StatusCode::OK, r#"{"status":"ok"}"#.to_owned())
    );
    assert_eq!(ask(&parts, "/ready", None).await.0, StatusCode::OK);
    for path in ["/info", "/apps", "/apps/kyc", "/installs", "/openapi.json"] {
        for token in [
            None,
            Some(""),
            Some("wrong"),
            Some("0123456789abcdef0123456789abcdeF"),
        ] {
            assert_eq!(
                ask(&parts, path, token).await.0,
                StatusCode::UNAUTHORIZED,
                "{path} {token:?}"
            );
        }
    }
    assert_eq!(
        ask(&parts, "/apps", Some(TOKEN)).await,
        (StatusCode::OK, "[]".to_owned())
    );
    assert_eq!(
        ask(&parts, "/installs", Some(TOKEN)).await,
        (StatusCode::OK, "[]".to_owned())
    );
    assert_eq!(
        ask(&parts, "/apps/other", Some(TOKEN)).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        ask(&parts, "/apps/%2e%2e", Some(TOKEN)).await.0,
        StatusCode::NOT_FOUND
    );
    let (status, document) = ask(&parts, "/openapi.json", Some(TOKEN)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(document.contains(r#""openapi": "3.1.0""#), "{document}");
    let (status, info) = ask(&parts, "/info", Some(TOKEN)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(info.contains(r#""serving":0"#), "{info}");

    parts.token = None;
    assert_eq!(
        ask(&parts, "/info", Some(TOKEN)).await.0,
        StatusCode::UNAUTHORIZED
    );
}

async fn a_database_that_is_gone_makes_the_host_unready(database: TestDatabase) {
    let parts = parts(&database).await;
    parts.installs.database().close().await;
    let (status, body) = ask(&parts, "/ready", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("does not answer"), "{body}");
    assert_eq!(ask(&parts, "/health", None).await.0, StatusCode::OK);
}
