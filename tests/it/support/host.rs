//! A host in this process, with a database of its own, a clock that can be moved, and a simulated Cloud.

use std::path::PathBuf;
use std::sync::Arc;

use airlock_cloud_sim::{CloudSim, Installed, Registration};
use airlock_host::admin::{AppCounts, AppReport, InstallLine, Reports};
use airlock_host::config::DatabaseUrl;
use airlock_host::model::{InstallId, Slug};
use airlock_host::store::Database;
use airlock_host::store::installs::{self, InstallRow, Status};
use airlock_test_database::TestDatabase;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::clients::{CloudClient, Portal};
use super::clock::MovableClock;
use super::event::TestInstall;
use super::http::Http;
use super::keys::HostKeys;
use super::poll;
use super::setup::Setup;

/// A host that serves.
pub(crate) struct TestHost {
    pub(crate) http: Http,
    pub(crate) clock: Arc<MovableClock>,
    pub(crate) sim: CloudSim,
    pub(super) reports: Reports,
    pub(super) stopping: CancellationToken,
    pub(super) serving: JoinHandle<anyhow::Result<()>>,
    pub(super) database: TestDatabase,
    pub(super) keys: HostKeys,
    /// The database once more, to look into.
    pub(super) beside: OnceCell<Database>,
    /// Goes away together with the host.
    pub(super) folder: TempDir,
}

impl TestHost {
    pub(crate) fn setup() -> Setup {
        Setup::new()
    }

    /// The two addresses of an app, as Cloud has them.
    pub(crate) async fn cloud(&self, slug: &str) -> CloudClient {
        let report = self.reports.app(&Slug::parse(slug).expect("a slug")).await;
        let report = report
            .expect("the database answers")
            .expect("an app of that name");
        let path = |address: Option<String>| {
            let address: Url = address
                .expect("an address")
                .parse()
                .expect("an absolute one");
            address.path().to_owned()
        };
        CloudClient {
            http: self.http.clone(),
            callback: path(report.callback_url),
            portal: path(report.portal_generator_url),
        }
    }

    pub(super) async fn register(&self, slug: &str) -> String {
        let addresses = self.cloud(slug).await;
        let purpose = |scope: &str| (scope.to_owned(), "For the test.".to_owned());
        let registered = self.sim.register(Registration {
            slug: slug.to_owned(),
            name: slug.to_owned(),
            callback_url: format!("{}{}", self.http.origin(), addresses.callback),
            portal_generator_url: format!("{}{}", self.http.origin(), addresses.portal),
            permissions: ["data:read", "data:write", "alerts:read", "alerts:write"]
                .map(purpose)
                .to_vec(),
            ..Registration::default()
        });
        let registered = registered.await;
        assert!(registered.ok, "{:?}", registered.message);
        registered.app_id
    }

    /// Installs an app through the simulated Cloud.
    pub(crate) async fn install(&self, slug: &str, granted: &[&str]) -> Installed {
        let app_id = self.register(slug).await;
        self.sim
            .install(&app_id, granted)
            .await
            .expect("the host takes the install")
    }

    /// Installs an app on one of the simulated Cloud's instances.
    pub(crate) async fn install_on(
        &self,
        slug: &str,
        instance: &str,
        granted: &[&str],
    ) -> Installed {
        let app_id = self.register(slug).await;
        self.sim
            .install_on(&app_id, instance, granted)
            .await
            .expect("the host takes the install")
    }

    /// Launches an install through the simulated Cloud and opens the portal.
    pub(crate) async fn open(&self, install: &Installed) -> Portal {
        let address = self
            .sim
            .launch(&install.installed_app_id)
            .await
            .expect("a launch");
        Portal::open(&self.http, &address).await
    }

    /// The folder of packages, which the host watches.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    /// What `apps show` would print of an app; none while there is none.
    pub(crate) async fn report(&self, slug: &str) -> Option<AppReport> {
        let report = self.reports.app(&Slug::parse(slug).expect("a slug")).await;
        report.expect("the database answers")
    }

    /// The address of its database.
    pub(crate) fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Tells the host to stop, as a signal does.
    pub(crate) fn begin_stop(&self) {
        self.stopping.cancel();
    }

    /// Every install, as `installs list` shows them.
    pub(crate) async fn installs(&self) -> Vec<InstallLine> {
        self.reports.installs().await.expect("the database answers")
    }

    /// Where an install stands; none if the host knows none of that id.
    pub(crate) async fn status(&self, install: &str) -> Option<String> {
        let installs = self.installs().await.into_iter();
        installs
            .filter(|line| line.installed_app_id == install)
            .map(|line| line.status)
            .next()
    }

    /// Waits until an install stands so.
    pub(crate) async fn until_status(&self, install: &str, status: &str) {
        let what = format!("{install} is {status}");
        poll::until(&what, async || {
            (self.status(install).await.as_deref() == Some(status)).then_some(())
        })
        .await;
    }

    /// Every attempt of an install as it is stored, newest first. The lists show one of them.
    pub(crate) async fn attempts(&self, install: &str) -> Vec<InstallRow> {
        let open = async || {
            let url = DatabaseUrl::parse(self.database_url()).expect("an address");
            Database::open(&url).await.expect("the database opens")
        };
        let database = self.beside.get_or_init(open).await;
        let mut connection = database.read().await.expect("a connection");
        let id = InstallId::parse(install).expect("an id");
        installs::attempts_of(&mut connection, &id)
            .await
            .expect("the database answers")
    }

    /// Waits until the key of an attempt was tried, and it is refused or no longer pending. Answers what came of it.
    pub(crate) async fn until_judged(&self, install: &str, attempt: i64) -> InstallRow {
        poll::until(
            &format!("attempt {attempt} of {install} is judged"),
            async || {
                let attempts = self.attempts(install).await.into_iter();
                let mut judged = attempts
                    .filter(|row| row.attempt == attempt)
                    .filter(|row| row.status != Status::Pending || row.refusals > 0);
                judged.next()
            },
        )
        .await
    }

    /// Posts an install event and waits until its key is proven.
    pub(crate) async fn activate(&self, slug: &str, install: &TestInstall) {
        self.cloud(slug)
            .await
            .event(&install.install())
            .await
            .expect(200);
        self.until_status(&install.id, "active").await;
    }

    /// An install whose key is live on the simulated Cloud's first instance.
    pub(crate) async fn live_install(&self, name: &str, granted: &[&str]) -> TestInstall {
        let issued = self.sim.issue_key(granted).await;
        let install = TestInstall::new(name)
            .key(&issued.api_key)
            .instance(&issued.instance_id);
        TestInstall {
            granted: granted.iter().map(|scope| (*scope).to_owned()).collect(),
            ..install
        }
    }

    /// Apps by their state, as `GET /info` counts them.
    pub(crate) fn app_counts(&self) -> AppCounts {
        self.reports.app_counts()
    }

    /// What `apps list --format json` would print.
    pub(crate) fn apps(&self) -> Value {
        serde_json::to_value(self.reports.apps()).expect("plain data")
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        self.stopping.cancel();
        self.serving.abort();
    }
}
