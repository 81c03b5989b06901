//! How a host in this process is set up before it starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlock_cloud_sim::{CloudSim, Options};
use airlock_host::app::{Host, signer};
use airlock_host::config::{Config, Layers, Secrets};
use airlock_host::runtime::Compiler;
use airlock_test_database::TestDatabase;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::clock::MovableClock;
use super::host::TestHost;
use super::http::Http;
use super::keys::HostKeys;
use super::packages;
use super::place::generous;

/// How a host under test is set up.
pub(crate) struct Setup {
    packages: Vec<String>,
    variables: Vec<(String, String)>,
    cloud: Options,
    api_url: Option<Url>,
    sim: Option<CloudSim>,
    database: TestDatabase,
    keys: HostKeys,
    registers: bool,
    development: bool,
    folder: TempDir,
}

impl Setup {
    pub(super) fn new() -> Self {
        Self {
            packages: Vec::new(),
            variables: generous(),
            cloud: Options::default(),
            api_url: None,
            sim: None,
            database: TestDatabase::sqlite(),
            keys: HostKeys::new(),
            registers: true,
            development: false,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Keeps its state in this database.
    pub(crate) fn on(mut self, database: TestDatabase) -> Self {
        self.database = database;
        self
    }

    /// Becomes a second host on the database of another one: the same keys and the same Cloud, which knows the apps at
    /// the first one's addresses.
    pub(crate) fn beside(mut self, other: &TestHost) -> Self {
        self.database = other.database.clone();
        self.keys = other.keys.clone();
        self.registers = false;
        self.sim = Some(other.sim.clone());
        self
    }

    /// Loads the package of an app of `guests/`.
    pub(crate) fn package(mut self, app: &str) -> Self {
        packages::lay(&packages::package(app), &self.plugins(), slug_of(app));
        self.packages.push(slug_of(app).to_owned());
        self
    }

    /// Lays down an app that can't be served, which is enough where no portal is opened.
    pub(crate) fn dud(mut self, slug: &str) -> Self {
        packages::lay_dud(&self.plugins(), slug);
        self.packages.push(slug.to_owned());
        self
    }

    /// Registers an app that lies in the folder of packages already.
    pub(crate) fn listed(mut self, slug: &str) -> Self {
        self.packages.push(slug.to_owned());
        self
    }

    /// The folder of packages, before the host reads it.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    /// Sets a value by its variable of the environment.
    pub(crate) fn set(mut self, variable: &str, value: &str) -> Self {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Tells open portals of new versions at once, as `airlock dev` does.
    pub(crate) fn development(mut self) -> Self {
        self.development = true;
        self
    }

    /// Changes the simulated Cloud.
    pub(crate) fn cloud(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.cloud);
        self
    }

    /// Uses this simulated Cloud, which the host reaches at another address.
    pub(crate) fn through(mut self, sim: &CloudSim, api_url: Url) -> Self {
        self.sim = Some(sim.clone());
        self.api_url = Some(api_url);
        self
    }

    pub(crate) async fn start(self) -> TestHost {
        let sim = match self.sim {
            Some(sim) => sim,
            None => CloudSim::start(self.cloud)
                .await
                .expect("a simulated Cloud"),
        };
        let api_url = self.api_url.unwrap_or_else(|| sim.api_url());
        let public = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let operator = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", public.local_addr().expect("an address"));
        let database = self.database.url().to_owned();
        let mut variables = vec![("AIRLOCK_DATABASE__URL".to_owned(), database)];
        variables.extend(self.variables);
        let config = config(self.folder.path(), &origin, &api_url, variables);
        let clock = Arc::new(MovableClock::default());
        let secrets = Secrets {
            master_keys: Some(self.keys.master.clone().into()),
            session_secrets: Some(self.keys.session.clone().into()),
            session_secret: None,
        };
        let signer = signer(&secrets).expect("a signer");
        let host = Host::open_with(config, &secrets, clock.clone(), Compiler::InProcess)
            .await
            .expect("a host");
        host.load_packages()
            .await
            .expect("the packages are looked at");
        let reports = host.reports();
        let stopping = CancellationToken::new();
        let serving =
            tokio::spawn(host.serve(public, operator, signer, self.development, stopping.clone()));
        let host = TestHost {
            http: Http::new(&origin),
            clock,
            sim,
            reports,
            stopping,
            serving,
            database: self.database,
            keys: self.keys,
            beside: OnceCell::new(),
            folder: self.folder,
        };
        for slug in self.packages.iter().filter(|_| self.registers) {
            host.register(slug).await;
        }
        host
    }
}

fn slug_of(app: &str) -> &str {
    app.rsplit('/').next().unwrap_or(app)
}

fn config(folder: &Path, origin: &str, api_url: &Url, variables: Vec<(String, String)>) -> Config {
    let mut layers = Layers::defaults();
    let own = [
        ("AIRLOCK_PUBLIC_URL", origin.to_owned()),
        ("AIRLOCK_CLOUD__API_URL", api_url.to_string()),
        (
            "AIRLOCK_PLUGINS",
            folder.join("plugins").display().to_string(),
        ),
        (
            "AIRLOCK_DATA_DIR",
            folder.join("data").display().to_string(),
        ),
    ];
    layers
        .add_environment(own.map(|(name, value)| (name.to_owned(), value)))
        .expect("known keys");
    layers.add_environment(variables).expect("known keys");
    Config::from_layers(&layers).expect("a sound configuration")
}
