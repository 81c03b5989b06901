//! For tests: a runtime over real lower floors that serves one install of a guest written by hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use airlock_test_database::TestDatabase;
pub(super) use airlock_test_guests::{Guest, WIT, guest};

use super::*;
use crate::cloud::{CloudSettings, Transport};
use crate::config::DatabaseUrl;
use crate::install::{ActiveInstall, Event, Installs, LaunchRequest};
use crate::model::{InstallId, ManualClock, UnixMillis};
use crate::secret::{Keyring, SecretList};
use crate::store::Database;
use crate::store::installs::Proof;

/// The time that every test begins at.
pub(super) const NOW: UnixMillis = UnixMillis::new(1_776_000_000_000);

/// The API key of an install, before the install's name.
pub(super) const API_KEY: &str = "blnk_test_0123456789abcdef";

/// Lays a package into a folder of packages.
pub(super) fn lay(plugins: &Path, slug: &str, manifest: &str, component: &[u8]) -> PathBuf {
    let folder = plugins.join(slug);
    std::fs::create_dir_all(folder.join("ui")).unwrap();
    std::fs::write(
        folder.join("app.toml"),
        format!("name = \"A\"\nversion = \"1.0.0\"\n{manifest}"),
    )
    .unwrap();
    std::fs::write(folder.join("app.wasm"), component).unwrap();
    std::fs::write(folder.join("ui/index.html"), "<p>").unwrap();
    folder
}

/// A runtime over a database of its own, with one install of the app `kyc`.
pub(super) struct World {
    pub(super) runtime: Runtime,
    pub(super) install: ActiveInstall,
    pub(super) plugins: PathBuf,
    pub(super) clock: Arc<ManualClock>,
    installs: Installs,
    _folder: tempfile::TempDir,
    _database: TestDatabase,
}

impl World {
    /// With default limits.
    pub(super) async fn new(granted: &[&str]) -> Self {
        Self::with(granted, RuntimeSettings::default()).await
    }

    /// With default limits, on this database.
    pub(super) async fn on(database: TestDatabase, granted: &[&str]) -> Self {
        Self::build(database, granted, RuntimeSettings::default(), nowhere()).await
    }

    /// With settings; the pool is small in any case, so that many tests fit into one process.
    pub(super) async fn with(granted: &[&str], settings: RuntimeSettings) -> Self {
        Self::build(TestDatabase::sqlite(), granted, settings, nowhere()).await
    }

    /// Whose guests call this Cloud.
    pub(super) async fn calling(granted: &[&str], cloud: CloudSettings) -> Self {
        Self::build(
            TestDatabase::sqlite(),
            granted,
            RuntimeSettings::default(),
            cloud,
        )
        .await
    }

    async fn build(
        test: TestDatabase,
        granted: &[&str],
        settings: RuntimeSettings,
        cloud: CloudSettings,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manual = Arc::new(ManualClock::new(NOW));
        let clock: Arc<dyn Clock> = manual.clone();
        let url = DatabaseUrl::parse(test.url()).unwrap();
        let database = Database::open(&url).await.unwrap();
        let roots = SecretList::parse('k', &SecretList::generate('k', 1)).unwrap();
        let keyring = Arc::new(Keyring::new(roots).unwrap());
        let installs = Installs::open(
            database.clone(),
            keyring.clone(),
            clock.clone(),
            BTreeMap::new(),
        )
        .await
        .unwrap();
        let install = install(&installs, "1", granted).await;
        let services = Services {
            cloud: Cloud::new(Transport::new(cloud).unwrap(), installs.clone()),
            guest_store: GuestStore::new(database, keyring, clock.clone()),
            clock,
        };
        let settings = RuntimeSettings {
            concurrent_calls: 20,
            guest_threads: settings.guest_threads.or(Some(1)),
            ..settings
        };
        let plugins = folder.path().join("plugins");
        std::fs::create_dir(&plugins).unwrap();
        Self {
            runtime: Runtime::new(settings, services).unwrap(),
            install,
            plugins,
            clock: manual,
            installs,
            _folder: folder,
            _database: test,
        }
    }

    /// Loads a guest as the app `kyc`, which must succeed.
    pub(super) async fn load(&self, manifest: &str, component: &[u8]) {
        lay(&self.plugins, "kyc", manifest, component);
        self.runtime.load_folder(&self.plugins).await;
        let app = self.app();
        assert_eq!((app.status(), app.reason()), (AppStatus::Serving, None));
    }

    /// Another install of the app `kyc`, in an instance of its own.
    pub(super) async fn another(&self, name: &str) -> ActiveInstall {
        install(&self.installs, name, &[]).await
    }

    /// Sends a GET for an install.
    pub(super) async fn call_for(
        &self,
        install: &ActiveInstall,
    ) -> Result<GuestResponse, CallFailure> {
        self.runtime
            .handle(install, session(), request("GET"))
            .await
    }

    /// The app `kyc`.
    pub(super) fn app(&self) -> Arc<App> {
        self.runtime
            .registry()
            .find(&Slug::parse("kyc").unwrap())
            .unwrap()
    }

    /// Sends a request.
    pub(super) async fn call(
        &self,
        method: &str,
    ) -> (Result<GuestResponse, CallFailure>, CallReport) {
        self.runtime
            .handle_with_report(&self.install, session(), request(method))
            .await
    }

    /// Sends a GET that must be answered, and answers its body.
    pub(super) async fn body(&self) -> Vec<u8> {
        self.call("GET").await.0.unwrap().body
    }

    /// Sends a GET that must fail.
    pub(super) async fn failure(&self) -> (CallFailure, CallReport) {
        let (result, report) = self.call("GET").await;
        (result.unwrap_err(), report)
    }
}

/// One portal call with default limits against a guest whose `handle` has this body.
pub(super) async fn outcome_of(handle: &str) -> (Result<GuestResponse, CallFailure>, CallReport) {
    let world = World::new(&[]).await;
    world.load("", &guest(handle)).await;
    world.call("GET").await
}

/// A store with a mebibyte of memory, whose imports trap.
pub(super) fn store_for_nobody(engine: &Engine) -> wasmtime::Store<CallState> {
    let slug = Slug::parse("kyc").unwrap();
    let shape = host::CallShape {
        meter: Arc::default(),
        memory_bytes: limits::MIB,
        cpu: Duration::from_secs(1),
        log: guest_log::GuestLog::new(slug, None, "call".to_owned(), 1, 1, Arc::default()),
        now: NOW,
    };
    engine.store(CallState::new(shape, None).0)
}

pub(super) fn session() -> GuestSession {
    GuestSession {
        id: "session".to_owned(),
        user_id: None,
        expires_at: NOW.unsigned() + 1000,
    }
}

pub(super) fn request(method: &str) -> GuestRequest {
    GuestRequest {
        method: method.to_owned(),
        path: vec!["me".to_owned()],
        query: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

async fn install(installs: &Installs, name: &str, granted: &[&str]) -> ActiveInstall {
    let slug = Slug::parse("kyc").unwrap();
    let (id, instance) = (format!("instapp_{name}"), format!("instance_{name}"));
    let event = serde_json::json!({
        "installed_app_id": id, "app_id": "app_1", "instance_id": instance, "organization_id": "org_1",
        "api_key": format!("{API_KEY}{name}"), "api_key_prefix": "blnk_test_01", "granted_permissions": granted,
        "idempotency_key": format!("install:{id}"),
    });
    let event = Event::parse(event.to_string().as_bytes(), None).unwrap();
    installs.receive(&slug, event).await.unwrap();
    let attempt = installs
        .provable(&InstallId::parse(id.as_str()).unwrap(), 1)
        .await
        .unwrap()
        .unwrap();
    installs
        .accept(attempt, Proof::Answered, None)
        .await
        .unwrap();
    let launch =
        serde_json::json!({"installed_app_id": id, "app_id": "app_1", "instance_id": instance});
    installs
        .active_for(&LaunchRequest::parse(slug, launch.to_string().as_bytes()).unwrap())
        .await
        .ok()
        .unwrap()
}

/// A port that nobody listens on: calls that get through are answered `unavailable`.
fn nowhere() -> CloudSettings {
    CloudSettings {
        api_url: "http://127.0.0.1:9".parse().unwrap(),
        instance_id_on_alerts: true,
        allow_detokenize: false,
    }
}
