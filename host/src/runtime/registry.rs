//! The apps of this host: an immutable map, replaced as a whole.
//!
//! A request takes the map's pointer and keeps what it found, so a reload never disturbs a call in flight.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::admission::Admission;
use super::manifest::Manifest;
use super::package::{Package, Page};
use super::plugin::Plugin;
use super::retired::Retired;
use crate::model::{Slug, UnixMillis};

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
        reason: String,
        admission: Arc<Admission>,
    ) -> Self {
        Self {
            slug,
            state: State::Idle(AppStatus::Disabled, package),
            reason: Some(reason),
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

    /// The page that is live: of the version that serves.
    pub fn page(&self) -> Option<&Arc<Page>> {
        self.plugin().map(|plugin| plugin.package().page())
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
pub struct Registry {
    apps: ArcSwap<BTreeMap<Slug, Arc<App>>>,
    /// Locked for moments, never while anything is awaited.
    retired: Mutex<Retired>,
    changes: watch::Sender<()>,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            apps: ArcSwap::default(),
            retired: Mutex::default(),
            changes: watch::Sender::new(()),
        }
    }
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

    /// The page of that slug and digest: while its version serves, and afterwards until the sessions that were shown it
    /// have ended.
    pub fn find_page(&self, slug: &Slug, digest: &str, now: UnixMillis) -> Option<Arc<Page>> {
        // In this order: a version is retired before it is replaced, so it is always found in one of the two places.
        let live = self.find(slug).and_then(|app| app.page().cloned());
        live.filter(|page| page.digest() == digest)
            .or_else(|| self.retired().find(slug, digest, now))
    }

    /// Hears of every change from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Puts one app in, by replacing the map.
    pub(super) fn put(&self, app: App, now: UnixMillis) {
        self.put_all(vec![app], now);
    }

    /// Puts apps in, all of them by replacing the map once.
    pub(super) fn put_all(&self, apps: Vec<App>, now: UnixMillis) {
        let put: Vec<_> = apps.into_iter().map(Arc::new).collect();
        for app in &put {
            self.retire(app.slug(), Some(app), now);
        }
        self.apps.rcu(|apps| {
            let mut apps = BTreeMap::clone(apps);
            let named = put.iter().map(|app| (app.slug().clone(), Arc::clone(app)));
            apps.extend(named);
            apps
        });
        self.changes.send_replace(());
    }

    /// Takes one app out, by replacing the map.
    pub(super) fn remove(&self, slug: &Slug, now: UnixMillis) {
        self.retire(slug, None, now);
        self.apps.rcu(|apps| {
            let mut apps = BTreeMap::clone(apps);
            apps.remove(slug);
            apps
        });
        self.changes.send_replace(());
    }

    /// Lets go of old pages that nobody needs any more.
    pub(super) fn sweep(&self, now: UnixMillis) {
        self.retired().sweep(now);
    }

    /// Keeps the page that is live now, if another one, or none, is about to take its place.
    fn retire(&self, slug: &Slug, next: Option<&App>, now: UnixMillis) {
        // What the operator switches off is gone at once.
        if next.is_some_and(|app| app.status() == AppStatus::Disabled) {
            self.retired().forget(slug);
            return;
        }
        let before = self.find(slug);
        let Some(page) = before.as_ref().and_then(|app| app.page()) else {
            return;
        };
        let stays = next.and_then(App::page);
        if stays.is_none_or(|next| !Arc::ptr_eq(next, page)) {
            self.retired().add(slug, page, now);
        }
    }

    fn retired(&self) -> MutexGuard<'_, Retired> {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
