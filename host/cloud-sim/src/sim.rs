//! The handle on a running simulated Cloud.

mod inspect;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::core::Core;
use crate::line::{CuttableListener, Line};
use crate::record::{Notice, Recorder};
use crate::registration::{EventError, Installed, IssuedKey, Registered, Registration};
use crate::scope::Scope;
use crate::state::{Key, KeyStatus, State, load};
use crate::{Options, StartError, Switches, api, dashboard, events, ids, lock};

/// How long open connections may take to end at shutdown.
const DRAIN: Duration = Duration::from_secs(2);

/// A running simulated Cloud. Clones are handles on the same one.
#[derive(Clone)]
pub struct CloudSim {
    core: Arc<Core>,
    api_url: Url,
    dashboard_url: Url,
}

impl CloudSim {
    /// Reads the state file or seeds, binds, and serves on tasks of the current runtime.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        // Plain `http` needs no provider, but the client wants one; another may have set it before.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let loaded = match &options.state_file {
            Some(path) => load(path).await?,
            None => None,
        };
        let mut state = loaded.unwrap_or_else(State::empty);
        state.begin(options.extra_instances);
        let listener = TcpListener::bind(options.listen).await;
        let listener = listener.map_err(|source| StartError::Bind {
            address: options.listen,
            source,
        })?;
        let address = listener.local_addr();
        let address = address.map_err(|source| StartError::Bind {
            address: options.listen,
            source,
        })?;
        let parse = |text: String| {
            Url::parse(&text).map_err(|_| StartError::PublicHost {
                host: options.public_host.clone(),
            })
        };
        let dashboard_url = parse(format!(
            "http://{}:{}/",
            options.public_host,
            address.port()
        ))?;
        let api_url = parse(format!("http://{address}/"))?;
        let core = Arc::new(Core {
            state: Mutex::new(state),
            switches: Mutex::new(options.switches),
            recorder: Recorder::new(),
            client: client().map_err(|source| StartError::Client { source })?,
            address,
            public_host: options.public_host,
            event_timeout: options.event_timeout,
            state_file: options.state_file,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            held: watch::channel(0).0,
            release: Notify::new(),
            changed: Notify::new(),
        });
        core.tasks.spawn(Arc::clone(&core).run_queue());
        core.tasks.spawn(Arc::clone(&core).keep_saved());
        core.tasks.spawn(serve(Arc::clone(&core), listener));
        Ok(Self {
            core,
            api_url,
            dashboard_url,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.core.address
    }

    /// The base address of the Cloud APIs.
    pub fn api_url(&self) -> Url {
        self.api_url.clone()
    }

    /// Where the dashboard is meant to be opened.
    pub fn dashboard_url(&self) -> Url {
        self.dashboard_url.clone()
    }

    /// The dashboard's origin, for `frame-ancestors`.
    pub fn dashboard_origin(&self) -> String {
        self.core.dashboard_origin()
    }

    /// Registers an app, or updates the one with the same slug.
    pub async fn register(&self, registration: Registration) -> Registered {
        events::register(&self.core, registration).await
    }

    /// Installs an app on the first instance with these scopes granted.
    pub async fn install(&self, app_id: &str, granted: &[&str]) -> Result<Installed, EventError> {
        events::install(&self.core, app_id, &self.core.main_instance(), granted).await
    }

    /// Installs an app on any instance of the organization.
    pub async fn install_on(
        &self,
        app_id: &str,
        instance_id: &str,
        granted: &[&str],
    ) -> Result<Installed, EventError> {
        events::install(&self.core, app_id, instance_id, granted).await
    }

    /// Launches an install and answers the portal's address.
    pub async fn launch(&self, installed_app_id: &str) -> Result<Url, EventError> {
        events::launch(&self.core, installed_app_id).await
    }

    /// Uninstalls; it only succeeds when the app answers with success.
    pub async fn uninstall(&self, installed_app_id: &str) -> Result<(), EventError> {
        events::uninstall(&self.core, installed_app_id).await
    }

    /// The first instance.
    pub fn instance_id(&self) -> String {
        self.core.main_instance()
    }

    /// Every instance, the first included.
    pub fn instance_ids(&self) -> Vec<String> {
        lock(&self.core.state)
            .instances
            .iter()
            .map(|instance| instance.instance_id.clone())
            .collect()
    }

    /// The organization that installs belong to.
    pub fn organization_id(&self) -> &'static str {
        ids::ORGANIZATION_ID
    }

    /// The person who launches apps.
    pub fn user_id(&self) -> &'static str {
        ids::USER_ID
    }

    /// The switches now.
    pub fn switches(&self) -> Switches {
        self.core.switches()
    }

    /// Changes switches.
    pub fn set_switches(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut lock(&self.core.switches));
        self.core.note_change(Notice::State);
    }

    /// Lets every held answer go.
    pub fn release_held(&self) {
        self.core.release.notify_waiters();
    }

    /// A key that works on the first instance without any app. Unknown scopes are left out.
    #[expect(
        clippy::unused_async,
        reason = "part of the promised interface, as the events beside it"
    )]
    pub async fn issue_key(&self, granted: &[&str]) -> IssuedKey {
        let api_key = ids::api_key();
        let issued = IssuedKey {
            api_key_prefix: ids::key_prefix(&api_key),
            instance_id: self.instance_id(),
            api_key: api_key.clone(),
        };
        let key = Key {
            prefix: issued.api_key_prefix.clone(),
            installed_app_id: None,
            instance_id: issued.instance_id.clone(),
            granted: granted
                .iter()
                .filter_map(|name| Scope::parse(name))
                .collect(),
            status: KeyStatus::Live,
        };
        lock(&self.core.state).keys.insert(api_key, key);
        self.core.note_change(Notice::State);
        issued
    }

    /// Makes a key stop working, as an operator of Cloud might. Answers whether it exists.
    pub fn revoke_key(&self, api_key: &str) -> bool {
        self.set_key_status(api_key, KeyStatus::Revoked)
    }

    /// Makes a revoked key work again. Answers whether it exists.
    pub fn restore_key(&self, api_key: &str) -> bool {
        self.set_key_status(api_key, KeyStatus::Live)
    }

    fn set_key_status(&self, api_key: &str, status: KeyStatus) -> bool {
        let exists = lock(&self.core.state).keys.set_status(api_key, status);
        self.core.note_change(Notice::State);
        exists
    }

    /// Seeds ledgers and alerts again; apps, installs and keys stay.
    pub fn reset(&self) {
        lock(&self.core.state).reset();
        self.core.note_change(Notice::Ledger);
    }

    /// Stops serving, lets connections end, and writes the state file a last time.
    pub async fn shutdown(self) {
        self.core.stop.cancel();
        self.core.tasks.close();
        if tokio::time::timeout(DRAIN + DRAIN, self.core.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("The simulated Cloud did not end in time");
        }
        // Once more: the last requests may have ended after the last save.
        self.core.save().await;
    }
}

/// The client that sends events: no proxy, no redirects.
#[expect(
    clippy::disallowed_methods,
    reason = "the simulated Cloud's own client"
)]
fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

async fn serve(core: Arc<Core>, listener: TcpListener) {
    let app = Router::new()
        .merge(dashboard::router(&core))
        .fallback(api::serve)
        .with_state(Arc::clone(&core))
        .into_make_service_with_connect_info::<Line>();
    let serving = axum::serve(CuttableListener(listener), app)
        .with_graceful_shutdown(core.stop.clone().cancelled_owned());
    // A client that keeps its connection open must not keep the simulation alive.
    let drained = async {
        core.stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        outcome = async { serving.await } => {
            if let Err(error) = outcome {
                tracing::error!(error = %error, "The simulated Cloud stopped serving");
            }
        }
        () = drained => {}
    }
}
