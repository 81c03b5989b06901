//! The stage of one call: a simulated Cloud, and a host whose database, data and package lie in a folder that goes away.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use airlock_cloud_sim::{CloudSim, Options};
use anyhow::{Context as _, anyhow, bail, ensure};
use secrecy::SecretString;
use tempfile::TempDir;

use crate::app::Host;
use crate::cli::build::copy;
use crate::cli::output;
use crate::config::{Config, DatabaseUrl, Secrets};
use crate::install::{ActiveInstall, Event, LaunchRequest};
use crate::intake::Proved;
use crate::model::{AppId, Clock as _, InstallId, Permission, Slug, SystemClock};
use crate::runtime::manifest::MAX_MANIFEST_BYTES;
use crate::runtime::package::MAX_COMPONENT_BYTES;
use crate::runtime::{
    App, CallFailure, CallReport, Delivery, GuestRequest, GuestResponse, GuestSession, HookOutcome,
    Limits, Manifest,
};
use crate::secret::SecretList;

/// The install that a call is made for.
const INSTALL: &str = "instapp_call";
/// The app's id, where the operator has set none.
const APP: &str = "app_call";

/// What a call gave.
pub(super) struct Called {
    pub(super) app: Arc<App>,
    pub(super) granted: Vec<Permission>,
    pub(super) limits: Limits,
    pub(super) result: Result<GuestResponse, CallFailure>,
    pub(super) report: CallReport,
}

/// Everything that a call needs. [`Stage::clear`] removes it; dropped, its folder goes all the same.
pub(super) struct Stage {
    host: Host,
    cloud: CloudSim,
    slug: Slug,
    app_id: AppId,
    folder: TempDir,
}

impl Stage {
    /// Sets up a host with the operator's configuration, but with a place of its own, and loads the app in `source`.
    pub(super) async fn set(mut config: Config, source: &Path) -> anyhow::Result<Self> {
        let slug = slug_of(source)?;
        let folder = tempfile::Builder::new()
            .prefix("airlock-call-")
            .tempdir()
            .context("making a folder for this call")?;
        let plugins = plugins_of(source, &slug, folder.path())?;
        let cloud = CloudSim::start(Options::default())
            .await
            .context("starting the simulated Cloud")?;
        let app = config.apps.entry(slug.clone()).or_default();
        app.enabled = Some(true);
        let app_id = match &app.app_id {
            Some(app_id) => app_id.clone(),
            None => AppId::parse(APP).context("naming the app")?,
        };
        config.plugins = plugins;
        config.data_dir = folder.path().join("data");
        config.database = DatabaseUrl::Sqlite(config.data_dir.join("airlock.db"));
        config.cloud_api_url = cloud.api_url();
        let host = Host::open(config, &secrets()?, Arc::new(SystemClock::new()))
            .await
            .context("setting up a host for this call")?;
        host.load_package(&slug).await?;
        Ok(Self {
            host,
            cloud,
            slug,
            app_id,
            folder,
        })
    }

    /// Installs the app with these scopes, or all that it asks for, and calls it.
    pub(super) async fn call(
        &self,
        granted: Option<&[Permission]>,
        request: GuestRequest,
    ) -> anyhow::Result<Called> {
        let app = self.host.runtime().registry().find(&self.slug);
        let app = app.context("the package was not loaded")?;
        let Some(plugin) = app.plugin().cloned() else {
            bail!(
                "{} can't be served: {}; try: airlock inspect, on the same app",
                self.slug,
                app.reason().unwrap_or("it is off")
            );
        };
        let requested = plugin.requested();
        let granted = match granted {
            Some(granted) => granted.to_vec(),
            None => requested.iter().copied().collect(),
        };
        let useless: Vec<_> = granted
            .iter()
            .filter(|scope| !requested.contains(scope))
            .map(|scope| scope.as_str())
            .collect();
        if !useless.is_empty() {
            output::note(&format!(
                "{} does not ask for {}: granted or not, such calls answer not-requested",
                self.slug,
                useless.join(", ")
            ));
        }
        let install = self.install(&granted).await?;
        self.tell(&install).await;
        let session = GuestSession {
            id: "call".to_owned(),
            user_id: Some(self.cloud.user_id().to_owned()),
            expires_at: SystemClock::new()
                .now()
                .plus(self.host.config().session_ttl)
                .unsigned(),
        };
        let runtime = self.host.runtime();
        let (result, report) = runtime.handle_with_report(&install, session, request).await;
        Ok(Called {
            granted,
            limits: plugin.limits().clone(),
            app,
            result,
            report,
        })
    }

    /// Receives an install event with a key of the simulated Cloud, and proves the key.
    async fn install(&self, granted: &[Permission]) -> anyhow::Result<ActiveInstall> {
        let names: Vec<_> = granted.iter().map(|scope| scope.as_str()).collect();
        let issued = self.cloud.issue_key(&names).await;
        let event = serde_json::json!({
            "installed_app_id": INSTALL,
            "app_id": self.app_id.as_str(),
            "instance_id": issued.instance_id,
            "organization_id": self.cloud.organization_id(),
            "api_key": issued.api_key,
            "api_key_prefix": issued.api_key_prefix,
            "granted_permissions": names,
            "idempotency_key": format!("install:{INSTALL}"),
        });
        let installs = self.host.installs();
        let event = Event::parse(event.to_string().as_bytes(), None)?;
        installs
            .receive(&self.slug, event)
            .await
            .context("storing the install event")?;
        let id = InstallId::parse(INSTALL).context("naming the install")?;
        let attempt = installs.provable(&id, 1).await?;
        let attempt = attempt.context("the install event was not stored")?;
        let proved = self.host.intake().prove(attempt).await?;
        ensure!(
            proved == Proved::Accepted,
            "the simulated Cloud did not prove the install's key ({proved:?})"
        );
        let launch = serde_json::json!({
            "installed_app_id": INSTALL,
            "app_id": self.app_id.as_str(),
            "instance_id": issued.instance_id,
        });
        let launch = LaunchRequest::parse(self.slug.clone(), launch.to_string().as_bytes())?;
        Ok(installs.active_for(&launch).await?)
    }

    /// Tells the app that it was installed, as every app is told before its first portal opens.
    async fn tell(&self, install: &ActiveInstall) {
        let delivery = Delivery {
            id: "call".to_owned(),
            attempt: 1,
        };
        match self.host.runtime().installed(install, delivery).await {
            HookOutcome::Done | HookOutcome::NotExported => {}
            HookOutcome::Retry(reason) | HookOutcome::GiveUp(reason) => output::note(&format!(
                "lifecycle.installed did not succeed: {reason}; the call is made all the same"
            )),
        }
    }

    /// Removes everything.
    pub(super) async fn clear(self) {
        self.host.installs().database().close().await;
        let path = self.folder.path().to_owned();
        drop(self.host);
        if let Err(error) = self.folder.close() {
            output::note(&format!("{} could not be removed: {error}", path.display()));
        }
    }
}

fn slug_of(source: &Path) -> anyhow::Result<Slug> {
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    Slug::parse(name.as_ref()).map_err(|error| {
        anyhow!("the folder's name is the app's name, and {name:?} {error}; try: rename the folder")
    })
}

/// The folder that a host of its own finds the app's package in: a package stays where it lies, and is read as every host
/// reads it; an app's own folder becomes a package below `place`.
fn plugins_of(source: &Path, slug: &Slug, place: &Path) -> anyhow::Result<PathBuf> {
    ensure!(
        source.join("app.toml").is_file(),
        "{} has no app.toml, so it is no app; try: airlock apps list",
        source.display()
    );
    if std::fs::symlink_metadata(source.join("app.wasm")).is_ok() {
        let plugins = source.parent().unwrap_or(Path::new(""));
        return Ok(plugins.join("."));
    }
    let plugins = place.join("plugins");
    lay(source, &plugins.join(slug.as_str()))?;
    Ok(plugins)
}

/// Copies what a package is made of from an app's own folder, where its build leaves the component.
fn lay(source: &Path, package: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(package).with_context(|| format!("making {}", package.display()))?;
    let manifest = package.join("app.toml");
    copy::file(&source.join("app.toml"), &manifest, MAX_MANIFEST_BYTES)?;
    let component = component(source, &manifest)?;
    copy::file(&component, &package.join("app.wasm"), MAX_COMPONENT_BYTES)?;
    let page = source.join("ui");
    if let Ok(found) = std::fs::symlink_metadata(&page) {
        ensure!(
            found.is_dir(),
            "{} is not a folder; a package holds no links",
            page.display()
        );
        copy::page(&page, &package.join("ui"))?;
    }
    Ok(())
}

/// Where the build of an app leaves its component, by its manifest.
fn component(source: &Path, manifest: &Path) -> anyhow::Result<PathBuf> {
    let text = std::fs::read_to_string(manifest)
        .with_context(|| format!("reading {}", source.join("app.toml").display()))?;
    let manifest = Manifest::parse(&text).with_context(|| format!("in {}", source.display()))?;
    let built = manifest.build.map(|build| source.join(build.output));
    built.filter(|path| path.is_file()).with_context(|| {
        format!(
            "{0} has no component yet; try: airlock build {0}",
            source.display()
        )
    })
}

/// Keys that live as long as this call.
fn secrets() -> anyhow::Result<Secrets> {
    let key = |variable: &str, letter| -> (String, SecretString) {
        (variable.to_owned(), SecretList::generate(letter, 1))
    };
    Ok(Secrets::read(&[
        key("AIRLOCK_MASTER_KEYS", 'k'),
        key("AIRLOCK_SESSION_SECRETS", 's'),
    ])?)
}
