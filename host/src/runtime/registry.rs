//! The apps of this host: an immutable map, replaced as a whole.
//!
//! A request takes the map's pointer and keeps what it found, so a reload never disturbs a call in flight.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::admission::Admission;
use super::manifest::Manifest;
use super::package::Package;
use super::plugin::Plugin;
use crate::model::Slug;

/// Whether an app serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppStatus {
    /// It serves. It may have a reason all the same, when a newer package was refused.
    Serving,
    /// Its package can't be served; the reason says why.
    Broken,
    /// The operator switched it off.
    Disabled,
}

impl AppStatus {
    /// The word that commands and addresses show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Broken => "broken",
            Self::Disabled => "disabled",
        }
    }
}

/// One app as it stands: what it serves, or why it does not.
pub struct App {
    slug: Slug,
    state: State,
    reason: Option<String>,
    admission: Arc<Admission>,
}

enum State {
    Serving(Arc<Plugin>),
    /// With the package, as far as it could be read.
    Idle(AppStatus, Option<Arc<Package>>),
}

impl App {
    pub(super) fn serving(
        plugin: Arc<Plugin>,
        reason: Option<String>,
        admission: Arc<Admission>,
    ) -> Self {
        Self {
            slug: plugin.package().slug().clone(),
            state: State::Serving(plugin),
            reason,
            admission,
        }
    }

    pub(super) fn broken(
        slug: Slug,
        package: Option<Arc<Package>>,
        reason: String,
        admission: Arc<Admission>,
    ) -> Self {
        Self {
            slug,
            state: State::Idle(AppStatus::Broken, package),
            reason: Some(reason),
            admission,
        }
    }

    pub(super) fn disabled(
        slug: Slug,
        package: Option<Arc<Package>>,
        admission: Arc<Admission>,
    ) -> Self {
        let reason = Some("switched off by the operator".to_owned());
        Self {
            slug,
            state: State::Idle(AppStatus::Disabled, package),
            reason,
            admission,
        }
    }

    /// Its folder's name.
    pub fn slug(&self) -> &Slug {
        &self.slug
    }

    /// Whether it serves.
    pub fn status(&self) -> AppStatus {
        match &self.state {
            State::Serving(_) => AppStatus::Serving,
            State::Idle(status, _) => *status,
        }
    }

    /// Why it does not serve, or why a newer package was refused.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The package: the one that serves, or the one that was read.
    pub fn package(&self) -> Option<&Arc<Package>> {
        match &self.state {
            State::Serving(plugin) => Some(plugin.package()),
            State::Idle(_, package) => package.as_ref(),
        }
    }

    /// What the package says about itself, as far as it could be read.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.package().map(|package| &**package.manifest())
    }

    /// The package's version.
    pub fn version(&self) -> Option<&str> {
        self.manifest().map(|manifest| manifest.version.as_str())
    }

    /// The package's digest.
    pub fn digest(&self) -> Option<&str> {
        self.package().map(|package| package.digest())
    }

    /// What the operator should know though it serves, such as imports without a scope.
    pub fn warnings(&self) -> &[String] {
        self.plugin().map_or(&[], |plugin| plugin.warnings())
    }

    /// The version that serves, if it does.
    pub fn plugin(&self) -> Option<&Arc<Plugin>> {
        match &self.state {
            State::Serving(plugin) => Some(plugin),
            State::Idle(..) => None,
        }
    }

    pub(super) fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }
}

/// The apps of this host.
#[derive(Default)]
pub struct Registry {
    apps: ArcSwap<BTreeMap<Slug, Arc<App>>>,
}

impl Registry {
    /// All apps, by slug.
    pub fn list(&self) -> Vec<Arc<App>> {
        self.apps.load().values().cloned().collect()
    }

    /// The app of that slug.
    pub fn find(&self, slug: &Slug) -> Option<Arc<App>> {
        self.apps.load().get(slug).cloned()
    }

    /// The package of that slug and digest, while it serves.
    pub fn find_snapshot(&self, slug: &Slug, digest: &str) -> Option<Arc<Package>> {
        let app = self.find(slug)?;
        app.plugin()
            .map(|plugin| plugin.package())
            .filter(|package| package.digest() == digest)
            .cloned()
    }

    /// Puts one app in, by replacing the map.
    pub(super) fn put(&self, app: App) {
        let app = Arc::new(app);
        self.apps.rcu(|apps| {
            let mut apps = BTreeMap::clone(apps);
            apps.insert(app.slug().clone(), Arc::clone(&app));
            apps
        });
    }

    /// Leaves only the apps of these slugs, by replacing the map.
    pub(super) fn retain(&self, slugs: &[Slug]) {
        self.apps.rcu(|apps| {
            let mut apps = BTreeMap::clone(apps);
            apps.retain(|slug, _| slugs.contains(slug));
            apps
        });
    }
}
