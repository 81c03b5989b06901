//! From folders in `plugins/` to apps in the registry: at the start, while serving, and when it is asked for.
//!
//! One look at an app: its stamp, its package read as one snapshot, compiled if it is another one than what serves, and
//! then one pointer swapped. `watch` decides when to look.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{error, info, warn};

use super::Inner;
use super::admission::Admission;
use super::package::{Package, PackageError};
use super::plugin::Plugin;
use super::registry::{App, AppStatus};
use crate::model::Slug;

mod cache;
pub(super) mod code;
mod compiler;
mod debounce;
mod notices;
mod prepare;
pub(super) mod scan;
mod stamp;
mod turns;
mod watch;

pub use cache::CacheSettings;
pub(super) use cache::CompiledCache;
pub(crate) use compiler::REFUSED;
pub use compiler::child::{CompileOrder, Compiled, compile_component};
pub use compiler::{COMMAND as COMPILE_COMMAND, Compiler};
pub(super) use prepare::compiled;

pub(crate) use debounce::Debounce;
pub(crate) use notices::{Notice, Notices};
pub(crate) use stamp::{Stamp, stamp};
pub(super) use turns::LookTurns;
pub(super) use watch::watch;

/// What a package is made of.
const PARTS: [&str; 3] = ["app.toml", "app.wasm", "ui"];

/// What became of an app when its package was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Another version serves.
    Loaded,
    /// Everything is as it was.
    Unchanged,
    /// The package can't be served; the app's reason says why.
    Refused,
    /// There is no package any more, and so no app.
    Removed,
    /// The app is switched off.
    Off,
}

impl Change {
    /// The word that commands show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::Removed => "removed",
            Self::Off => "off",
        }
    }
}

/// Why a package can't be served.
#[derive(Clone)]
struct Refusal {
    /// As far as it could be read.
    package: Option<Arc<Package>>,
    reason: String,
}

/// What a look found in a package's place.
enum Found {
    /// No folder.
    Nothing,
    /// The app is switched off, and why.
    Off(Option<Arc<Package>>, String),
    /// The version that serves.
    Same,
    /// Another version, ready to serve.
    Ready(Arc<Plugin>),
    /// Nothing that can be served.
    Refused(Refusal),
}

/// Looks at every package of a folder, one after the other, and drops the apps that are no longer there.
pub(super) async fn folder(runtime: &Arc<Inner>, plugins: &Path) -> Vec<(Slug, Change)> {
    runtime.remember_folder(plugins);
    let Some(mut slugs) = list(plugins).await else {
        return Vec::new();
    };
    let known = runtime.registry.list();
    slugs.extend(known.iter().map(|app| app.slug().clone()));
    let mut changes = Vec::new();
    for slug in slugs {
        let change = app(runtime, plugins, &slug).await;
        changes.push((slug, change));
    }
    changes
}

/// Looks at one app now and takes over what is there.
pub(super) async fn app(runtime: &Arc<Inner>, plugins: &Path, slug: &Slug) -> Change {
    let _turn = runtime.look_turns.take(slug).await;
    let found = look(runtime, &plugins.join(slug.as_str()), slug, None).await;
    publish(runtime, slug, found)
}

/// The slugs of a folder of packages; none where it can't be read, which is told once.
async fn list(plugins: &Path) -> Option<BTreeSet<Slug>> {
    let plugins = plugins.to_owned();
    let shown = plugins.display().to_string();
    let listed = tokio::task::spawn_blocking(move || read_names(&plugins)).await;
    match listed.ok()? {
        Ok(slugs) => Some(slugs),
        Err(error) => {
            error!(folder = %shown, "Cannot read the folder of packages: {error}");
            None
        }
    }
}

/// The folders that can be packages, by slug. A missing folder has none.
fn read_names(plugins: &Path) -> std::io::Result<BTreeSet<Slug>> {
    let entries = match std::fs::read_dir(plugins) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error),
    };
    let mut slugs = BTreeSet::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // README.md and the like; what a build lays down before it is renamed into place.
        if name.starts_with('.') || entry.file_type()?.is_file() {
            continue;
        }
        match Slug::parse(name.as_str()) {
            Ok(slug) => drop(slugs.insert(slug)),
            Err(error) => {
                warn!(folder = %name.escape_debug(), "Left out a folder whose name is no slug: it {error}");
            }
        }
    }
    Ok(slugs)
}

/// Reads a package, and compiles it if it is another one than what serves and than what was refused before. In the app's
/// turn.
async fn look(runtime: &Arc<Inner>, path: &Path, slug: &Slug, refused: Option<&Refusal>) -> Found {
    let Some((stamp, package)) = read(path.to_owned()).await else {
        runtime.seen().remove(slug);
        return Found::Nothing;
    };
    runtime.seen().insert(slug.clone(), stamp);
    if let Some(reason) = runtime.off(slug) {
        return Found::Off(package.ok(), reason);
    }
    let package = match package {
        Ok(package) => package,
        Err(reason) => {
            return Found::Refused(Refusal {
                package: None,
                reason,
            });
        }
    };
    let is_same = |other: &Arc<Package>| other.digest() == package.digest();
    let before = runtime.registry.find(slug);
    let serves = before.as_ref().and_then(|app| app.plugin());
    if serves.is_some_and(|plugin| is_same(plugin.package())) {
        return Found::Same;
    }
    if let Some(refusal) = refused.filter(|refusal| refusal.package.as_ref().is_some_and(is_same)) {
        return Found::Refused(refusal.clone());
    }
    match prepare::plugin(runtime, Arc::clone(&package), runtime.limits(slug)).await {
        Ok(plugin) => Found::Ready(plugin),
        Err(reason) => Found::Refused(Refusal {
            package: Some(package),
            reason,
        }),
    }
}

/// Puts what was found into the registry: what served stays where the new package can't be served. In the app's turn.
fn publish(runtime: &Arc<Inner>, slug: &Slug, found: Found) -> Change {
    let before = runtime.registry.find(slug);
    let before = before.as_deref();
    // Permits outlive versions: calls of the old one still hold theirs.
    let admission = before.map_or_else(
        || {
            Arc::new(Admission::new(
                Arc::clone(&runtime.running),
                runtime.limits(slug),
            ))
        },
        |app| Arc::clone(app.admission()),
    );
    let serves = before.and_then(App::plugin);
    let told = before.and_then(App::reason);
    let put = |app| runtime.registry.put(app, runtime.services.clock.now());
    match (found, serves) {
        (Found::Nothing, _) if before.is_none() => Change::Unchanged,
        (Found::Nothing, _) => {
            info!(app = %slug, "Dropped {slug}: its package is gone. Its addresses still take events");
            runtime.registry.remove(slug, runtime.services.clock.now());
            Change::Removed
        }
        (Found::Off(package, reason), _) => {
            if told != Some(&*reason) {
                info!(app = %slug, "{slug} is {reason}");
            }
            put(App::disabled(slug.clone(), package, reason, admission));
            Change::Off
        }
        (Found::Same, Some(plugin)) => {
            if told.is_some() {
                info!(app = %slug, "The package of {slug} is again the one that serves");
                put(App::serving(Arc::clone(plugin), None, admission));
            }
            Change::Unchanged
        }
        // Only what serves is ever the same.
        (Found::Same, None) => Change::Unchanged,
        (Found::Ready(plugin), _) => {
            put(App::serving(plugin, None, admission));
            Change::Loaded
        }
        (Found::Refused(Refusal { reason, .. }), Some(old)) => {
            if told != Some(&*reason) {
                warn!(app = %slug, "Kept the former version of {slug}: {reason}");
                put(App::serving(Arc::clone(old), Some(reason), admission));
            }
            Change::Refused
        }
        (Found::Refused(Refusal { package, reason }), None) => {
            if told != Some(&*reason) {
                warn!(app = %slug, status = AppStatus::Broken.as_str(), "Cannot serve {slug}: {reason}");
            }
            put(App::broken(slug.clone(), package, reason, admission));
            Change::Refused
        }
    }
}

/// The package in a folder with the folder's stamp, or why it can't be read. None where there is no folder.
async fn read(path: PathBuf) -> Option<(Stamp, Result<Arc<Package>, String>)> {
    let read = tokio::task::spawn_blocking(move || {
        let before = stamp(&path, PARTS, &[], |_| ())?;
        let package = Package::read(&path).map_err(|error| error.to_string());
        // Files are read one after the other: between two of them another version may have been written.
        let package = match stamp(&path, PARTS, &[], |_| ()) {
            Some(after) if after == before => package.map(Arc::new),
            _ => Err(PackageError::Changed("the package".to_owned()).to_string()),
        };
        Some((before, package))
    });
    read.await.unwrap_or_else(|_| {
        let reason = "reading the package panicked; the log has the place".to_owned();
        Some((Stamp::unknown(), Err(reason)))
    })
}

impl Inner {
    /// Why an app is off, if it is.
    fn off(&self, slug: &Slug) -> Option<String> {
        let configured = self.settings.apps.get(slug);
        if configured.is_some_and(|app| !app.enabled) {
            return Some(format!(
                "switched off by the configuration (apps.{slug}.enabled)"
            ));
        }
        let is_off = self.switched_off.load().contains(slug);
        is_off.then(|| format!("switched off by the operator; try: airlock apps enable {slug}"))
    }

    fn limits(&self, slug: &Slug) -> &super::Limits {
        let configured = self.settings.apps.get(slug);
        configured.map_or(&self.settings.limits, |app| &app.limits)
    }
}
