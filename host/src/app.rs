//! Wiring: from a configuration to a host that serves, and down again.
//!
//! [`Host::open`] takes the lock, opens the database and builds every floor; [`Host::serve`] runs the listeners until it is
//! told to stop, then drains. Nothing is served before everything is open.

mod dumps;
#[cfg(feature = "dev")]
mod guest_lines;
mod keys;
mod lock;
mod log;
mod packages;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use url::Url;

use crate::admin::{self, AdminParts, AdminToken};
use crate::cloud::{Cloud, CloudSettings, Transport};
use crate::config::{Config, NetworkSettings, Secrets};
use crate::install::{Endpoints, GuestStore, Installs, Switches, follow};
use crate::intake::{Intake, IntakeParts};
use crate::listener::{self, raise_descriptor_limit};
use crate::model::{AppId, Clock, Slug};
use crate::runtime::{
    AppOverrides, CacheSettings, Change, Compiler, Limits, Runtime, RuntimeSettings, Services,
};
use crate::secret::{Signer, random_name};
use crate::store::Database;
use crate::web::{self, EventVerifier, SignedAsCore, Unsigned, Web, WebParts, WebSettings};

pub use dumps::forbid_core_dumps;
#[cfg(feature = "dev")]
pub(crate) use guest_lines::show_guest_log;
pub use keys::{KeyReload, signer};
pub use lock::{Held, HostLock};
pub use log::start_log;

/// How often it is written down when addresses were used.
const NOTE_USES: Duration = Duration::from_mins(1);
/// Time from the first signal to the end, whatever is still at work then. All of it can be taken up again.
const WHOLE_STOP: Duration = Duration::from_secs(28);

/// The parts of a host that need no public address: enough for the commands that look and list.
pub struct Host {
    config: Config,
    lock: HostLock,
    clock: Arc<dyn Clock>,
    installs: Installs,
    endpoints: Endpoints,
    switches: Switches,
    guest_store: GuestStore,
    cloud: Cloud,
    runtime: Runtime,
}

impl Host {
    /// Takes the lock, opens the database and builds the floors up to the runtime. No package is loaded yet.
    pub async fn open(
        config: Config,
        secrets: &Secrets,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let compiler = Compiler::this_program().context("finding this program")?;
        Self::open_with(config, secrets, clock, compiler).await
    }

    /// As [`Host::open`], with another compiler than this program as a child: for a process that is not this program.
    pub async fn open_with(
        config: Config,
        secrets: &Secrets,
        clock: Arc<dyn Clock>,
        compiler: Compiler,
    ) -> anyhow::Result<Self> {
        // Each app keeps the image of its memory open, beside the connections.
        raise_descriptor_limit();
        make_data_dir(&config.data_dir)?;
        let lock = HostLock::take(&config.data_dir, &config.database)?;
        let keyring = Arc::new(keys::keyring(secrets).await?);
        let database = Database::open(&config.database).await?;
        let app_ids = app_ids(&config);
        let installs = Installs::open(database.clone(), keyring.clone(), clock.clone(), app_ids)
            .await
            .context("opening the installs")?;
        let endpoints = Endpoints::open(database.clone(), keyring.clone(), clock.clone())
            .await
            .context("opening the address secrets")?;
        let switches = Switches::open(database.clone(), clock.clone())
            .await
            .context("reading which apps are switched off")?;
        let guest_store = GuestStore::new(database, keyring.clone(), clock.clone());
        let cloud = Cloud::new(Transport::new(cloud_settings(&config))?, installs.clone());
        let services = Services {
            cloud: cloud.clone(),
            guest_store: guest_store.clone(),
            clock: clock.clone(),
        };
        let settings = RuntimeSettings {
            compiler,
            cache: Some(CacheSettings {
                folder: config.data_dir.join("cache"),
                keyring,
            }),
            ..runtime_settings(&config)
        };
        let runtime = Runtime::new(settings, services).context("starting the sandbox")?;
        Ok(Self {
            config,
            lock,
            clock,
            installs,
            endpoints,
            switches,
            guest_store,
            cloud,
            runtime,
        })
    }

    /// Loads every package and makes the address secrets that are missing. A broken package stops only itself.
    pub async fn load_packages(&self) -> anyhow::Result<Vec<(Slug, Change)>> {
        self.follow_switches();
        let changes = self.runtime.load_folder(&self.config.plugins).await;
        self.make_addresses().await?;
        Ok(changes)
    }

    /// As [`Host::load_packages`], but what must be compiled first serves nobody until [`Host::serve`] has compiled it.
    pub async fn load_cached_packages(&self) -> anyhow::Result<()> {
        self.follow_switches();
        self.runtime.load_cached(&self.config.plugins).await;
        self.make_addresses().await
    }

    fn follow_switches(&self) {
        self.runtime.switch_off(|| self.switches.off());
    }

    async fn make_addresses(&self) -> anyhow::Result<()> {
        let apps = self.runtime.registry().list();
        let slugs = apps.iter().map(|app| app.slug().clone());
        let made = self.endpoints.ensure_all(slugs).await;
        made.context("making the address secrets")
    }

    /// Looks at one package now, as `apps reload` does.
    pub async fn load_package(&self, slug: &Slug) -> anyhow::Result<Change> {
        self.follow_switches();
        let change = self.runtime.load(&self.config.plugins, slug).await;
        if self.runtime.registry().find(slug).is_some() {
            let made = self.endpoints.ensure(slug).await;
            made.context("making the address secrets")?;
        }
        Ok(change)
    }

    /// The configuration it was opened with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The installs.
    pub fn installs(&self) -> &Installs {
        &self.installs
    }

    /// The address secrets.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Which apps are switched off.
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    /// The apps.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The work behind events, over this host's floors.
    pub fn intake(&self) -> Intake {
        Intake::new(IntakeParts {
            installs: self.installs.clone(),
            cloud: self.cloud.clone(),
            runtime: self.runtime.clone(),
            guest_store: self.guest_store.clone(),
            clock: self.clock.clone(),
        })
    }

    /// What exchanges the keys of this host while it serves with `signer`.
    pub fn key_reload(&self, signer: &Signer) -> KeyReload {
        KeyReload {
            installs: self.installs.clone(),
            signer: signer.clone(),
        }
    }

    fn admin_parts(
        &self,
        public_url: Option<&Url>,
        token: Option<AdminToken>,
        stopping: CancellationToken,
    ) -> AdminParts {
        AdminParts {
            installs: self.installs.clone(),
            endpoints: self.endpoints.clone(),
            switches: self.switches.clone(),
            runtime: self.runtime.clone(),
            public_url: public_url.cloned(),
            clock: self.clock.clone(),
            token,
            stopping,
        }
    }

    /// What the operator's commands read, for a host that does not serve.
    pub fn reports(&self) -> admin::Reports {
        admin::Reports::new(&self.admin_parts(
            self.config.public_url.as_ref(),
            None,
            CancellationToken::new(),
        ))
    }

    /// Serves until `stopping` is cancelled, then lets calls in flight end: not ready first, then no new connections, and
    /// the operator's listener last.
    pub async fn serve(
        self,
        public: TcpListener,
        operator: TcpListener,
        signer: Signer,
        development: bool,
        stopping: CancellationToken,
    ) -> anyhow::Result<()> {
        let public_url = self.config.required_public_url()?.clone();
        let tasks = TaskTracker::new();
        let intake = self.intake();
        let web = Web::new(WebParts {
            settings: WebSettings {
                public_url: public_url.clone(),
                frame_ancestors: self.config.frame_ancestors.clone(),
                session_ttl: self.config.session_ttl,
                trusted_proxies: self.config.network.trusted_proxies.clone(),
                requests_per_client: self.config.network.connections_per_address,
                sources: self.config.network.sources.clone(),
                rates: self.config.network.rates,
                development,
            },
            installs: self.installs.clone(),
            endpoints: self.endpoints.clone(),
            intake: intake.clone(),
            signer,
            verifier: verifier(&self.config),
            runtime: self.runtime.clone(),
            clock: self.clock.clone(),
            tasks: tasks.clone(),
            stopping: stopping.clone(),
        })?;
        let token = random_name();
        let address = operator
            .local_addr()
            .context("reading the operator's address")?;
        self.lock.announce(address, &token)?;
        let parts = self.admin_parts(Some(&public_url), AdminToken::new(&token), stopping.clone());
        info!(public_url = %public_url, listen = %public.local_addr()?, "Serving at {public_url}");
        warn_of_unnamed_proxy(&self.config.network, &public_url);
        // Calls in flight need it to the end, so it outlives the listeners.
        let following = CancellationToken::new();
        let _ends_with_this = following.clone().drop_guard();
        // Before anybody is answered: loading packages takes its time, and what was read before it is past.
        let follower = follow(
            self.installs.clone(),
            self.endpoints.clone(),
            self.switches.clone(),
        )
        .await;
        if let Some(follower) = follower {
            tokio::spawn(follower.run(following.clone()));
        }
        let intake_task = tokio::spawn(intake.run(stopping.clone()));
        let mut keeping_step = self.keep_step(&stopping);
        let noting = note_uses(self.endpoints.clone(), stopping.clone());
        let noting = tokio::spawn(noting);
        let told = stopping.clone().cancelled_owned();
        let told = tokio::spawn(async move {
            told.await;
            Instant::now()
        });
        let public_settings = listener_settings(&self.config, "public", listener::GRACE);
        let operator_settings = listener_settings(&self.config, "operator's", Duration::ZERO);
        let operator_stopping = CancellationToken::new();
        let operator_server = tokio::spawn(listener::serve(
            operator,
            admin::router(parts),
            operator_settings,
            admin::refuse(),
            operator_stopping.clone(),
        ));
        let refuse = web::refuse(web.clone());
        listener::serve(
            public,
            web::router(web),
            public_settings,
            refuse,
            stopping.clone(),
        )
        .await;
        stopping.cancel();
        operator_stopping.cancel();
        let end = told.await.context("waiting for a signal")? + WHOLE_STOP;
        tasks.close();
        let _ = timeout_at(end, tasks.wait()).await;
        let _ = timeout_at(end, intake_task).await;
        let _ = timeout_at(end, async {
            while keeping_step.join_next().await.is_some() {}
        })
        .await;
        let _ = timeout_at(end, operator_server).await;
        following.cancel();
        let _ = timeout_at(end, noting).await;
        // A server that has gone silent does not say that its connections are closed.
        let _ = timeout_at(end, self.installs.database().close()).await;
        info!("Stopped");
        Ok(())
    }
}

impl Host {
    /// Watches the folder of packages, and what goes with the apps that come and go, until `stopping` is cancelled.
    fn keep_step(&self, stopping: &CancellationToken) -> JoinSet<()> {
        let (runtime, endpoints) = (self.runtime.clone(), self.endpoints.clone());
        let mut tasks = JoinSet::new();
        let told = stopping.clone();
        tasks.spawn(async move { runtime.watch(told).await });
        let runtime = self.runtime.clone();
        tasks.spawn(packages::make_addresses(
            runtime,
            endpoints,
            stopping.clone(),
        ));
        let (runtime, switches) = (self.runtime.clone(), self.switches.clone());
        tasks.spawn(packages::follow_switches(
            runtime,
            switches,
            stopping.clone(),
        ));
        tasks
    }
}

/// TLS is a proxy's, and a proxy that is not named looks like one client who asks for everything.
fn warn_of_unnamed_proxy(network: &NetworkSettings, public_url: &Url) {
    if public_url.scheme() != "https" || !network.trusted_proxies.is_empty() {
        return;
    }
    warn!(
        "public_url is https and trusted_proxies is empty: all clients of your proxy share the {} connections and the rate \
         limits of one address; try: trusted_proxies = [\"<address of the proxy>\"]",
        network.connections_per_address
    );
    if network.sources.enforce && !network.sources.ranges.is_empty() {
        warn!(
            alarm = true,
            "source_addresses_mode is enforce and no proxy is trusted: calls of Cloud that come through a proxy are refused, \
             unless source_addresses has the proxy; try: trusted_proxies = [\"<address of the proxy>\"]"
        );
    }
}

/// Writes down once a minute, and at the end, when addresses were used.
async fn note_uses(endpoints: Endpoints, stopping: CancellationToken) {
    loop {
        let last = tokio::select! {
            () = stopping.cancelled() => true,
            () = tokio::time::sleep(NOTE_USES) => false,
        };
        if let Err(error) = endpoints.note_uses().await {
            warn!(
                error = &error as &dyn std::error::Error,
                "When addresses were used could not be written down"
            );
        }
        if last {
            return;
        }
    }
}

fn verifier(config: &Config) -> Arc<dyn EventVerifier> {
    match &config.webhook_secret {
        Some(secret) => Arc::new(SignedAsCore::new(secret.clone())),
        None => Arc::new(Unsigned),
    }
}

fn cloud_settings(config: &Config) -> CloudSettings {
    CloudSettings {
        api_url: config.cloud_api_url.clone(),
        instance_id_on_alerts: config.instance_id_on_alerts,
        allow_detokenize: config.allow_detokenize,
    }
}

fn listener_settings(config: &Config, name: &'static str, grace: Duration) -> listener::Settings {
    listener::Settings {
        name,
        connections: config.network.connections,
        connections_per_address: config.network.connections_per_address,
        trusted_proxies: config.network.trusted_proxies.clone(),
        grace,
    }
}

fn app_ids(config: &Config) -> BTreeMap<Slug, AppId> {
    let set = config
        .apps
        .iter()
        .filter_map(|(slug, app)| Some((slug.clone(), app.app_id.clone()?)));
    set.collect()
}

/// How the sandbox is set up by a configuration.
pub(crate) fn runtime_settings(config: &Config) -> RuntimeSettings {
    let mut limits = Limits::default();
    let values = config.limits;
    for (call, (cpu, wall, calls)) in [
        (&mut limits.portal, values.portal),
        (&mut limits.background, values.background),
    ] {
        call.cpu = Duration::from_millis(cpu);
        call.wall = Duration::from_millis(wall);
        call.cloud_calls = u32::try_from(calls).unwrap_or(u32::MAX);
    }
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    limits.memory_bytes = size(values.memory_mib).saturating_mul(1024 * 1024);
    limits.running = size(values.running);
    limits.waiting = size(values.waiting);
    let apps = config
        .apps
        .iter()
        .map(|(slug, app)| (slug.clone(), overrides(app, &limits)))
        .collect();
    RuntimeSettings {
        limits,
        apps,
        ..RuntimeSettings::default()
    }
}

fn overrides(app: &crate::config::AppSettings, general: &Limits) -> AppOverrides {
    let mut limits = general.clone();
    if let Some(cpu) = app.limits.cpu_ms {
        limits.portal.cpu = Duration::from_millis(cpu);
    }
    if let Some(wall) = app.limits.wall_ms {
        limits.portal.wall = Duration::from_millis(wall);
    }
    if let Some(mib) = app.limits.memory_mib {
        limits.memory_bytes = usize::try_from(mib)
            .unwrap_or(usize::MAX)
            .saturating_mul(1024 * 1024);
    }
    if let Some(calls) = app.limits.cloud_calls {
        limits.portal.cloud_calls = u32::try_from(calls).unwrap_or(u32::MAX);
    }
    AppOverrides {
        limits,
        settings: app.settings.clone(),
        enabled: app.enabled.unwrap_or(true),
    }
}

/// Makes the folder of state, open to its owner alone.
pub(crate) fn make_data_dir(path: &Path) -> anyhow::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .with_context(|| format!("making the folder {}", path.display()))
}
