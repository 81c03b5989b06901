//! From folders in `plugins/` to apps in the registry: at the start, while serving, and when it is asked for.
//!
//! One look at an app: its stamp, its package read as one snapshot, compiled if it is another one than what serves, and
//! then one pointer swapped. `watch` decides when to look.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;

use super::Inner;
use super::package::{ComponentFile, Package, PackageError};
use super::plugin::Plugin;
use crate::install::task::done_on;
use crate::model::Slug;

mod cache;
pub(super) mod code;
mod compiler;
mod debounce;
mod decisions;
mod folder;
mod notices;
mod prepare;
mod publish;
mod refusal;
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
pub(super) use decisions::Decisions;
pub(super) use folder::{Told, again, begin};
pub(crate) use notices::{Notice, Notices};
pub(super) use prepare::Patience;
pub(super) use publish::switch;
pub(crate) use stamp::{Stamp, stamp};
pub(super) use turns::LookTurns;
pub(super) use watch::watch;

use folder::list;
use publish::{Step, publish};
use refusal::{Reason, Refusal};

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
    /// Another version that must be compiled first, for which the look did not wait.
    Uncompiled(Arc<Package>),
    /// Nothing that can be served.
    Refused(Refusal),
}

/// Looks at one app now and takes over what is there, to the end: whoever asked may be gone at any moment, and what was
/// looked at must be what is served.
pub(super) async fn app(runtime: &Arc<Inner>, plugins: &Path, slug: &Slug) -> Change {
    let change = look_and(runtime, plugins, slug, publish).await;
    change.unwrap_or(Change::Unchanged)
}

/// As [`app`], but an app whose package is gone is left to others; the answer is none then.
async fn unless_gone(runtime: &Arc<Inner>, plugins: &Path, slug: &Slug) -> Option<Change> {
    let leave = |runtime: &Inner, slug: &Slug, found| {
        let is_gone = matches!(found, Found::Nothing) && runtime.registry.find(slug).is_some();
        (!is_gone).then(|| publish(runtime, slug, found))
    };
    let change = look_and(runtime, plugins, slug, leave).await;
    change.unwrap_or(Some(Change::Unchanged))
}

/// Looks at one app in its turn and does something with what was found. None where the host ends meanwhile.
async fn look_and<T: Send + 'static>(
    runtime: &Arc<Inner>,
    plugins: &Path,
    slug: &Slug,
    decide: fn(&Inner, &Slug, Found) -> T,
) -> Option<T> {
    let (runtime, path) = (Arc::clone(runtime), plugins.join(slug.as_str()));
    let slug = slug.clone();
    let looking = async move {
        let _turn = runtime.look_turns.take(&slug).await;
        let found = look(&runtime, &path, &slug, None, Patience::Waits).await;
        decide(&runtime, &slug, found)
    };
    done_on(&Handle::current(), looking).await
}

/// Reads a package, and compiles it if it is another one than what serves and than what was refused before. In the app's
/// turn.
async fn look(
    runtime: &Arc<Inner>,
    path: &Path,
    slug: &Slug,
    refused: Option<&Refusal>,
    patience: Patience,
) -> Found {
    let Some((stamp, package)) = read(path.to_owned()).await else {
        runtime.seen().remove(slug);
        return Found::Nothing;
    };
    runtime.seen().insert(slug.clone(), stamp);
    if let Some(reason) = runtime.off(slug) {
        return Found::Off(package.ok().map(|(package, _)| package), reason);
    }
    let (package, component) = match package {
        Ok(package) => package,
        Err(reason) => return Found::Refused(Refusal::new(None, reason)),
    };
    let is_same = |other: &Arc<Package>| other.digest() == package.digest();
    let before = runtime.registry.find(slug);
    let serves = before.as_ref().and_then(|app| app.plugin());
    if serves.is_some_and(|plugin| is_same(plugin.package())) {
        return Found::Same;
    }
    let lasting = refused.filter(|refusal| !refusal.passes());
    if let Some(refusal) = lasting.filter(|refusal| refusal.package.as_ref().is_some_and(is_same)) {
        return Found::Refused(refusal.clone());
    }
    let limits = runtime.limits(slug);
    match prepare::plugin(runtime, Arc::clone(&package), component, limits, patience).await {
        Ok(Some(plugin)) => Found::Ready(plugin),
        Ok(None) => {
            // Not looked at to its end: the next look must not take it for known.
            runtime.seen().remove(slug);
            Found::Uncompiled(package)
        }
        Err(reason) => Found::Refused(Refusal::new(Some(package), reason)),
    }
}

/// A package, and apart from it its component, which is let go of once it is compiled.
type Parts = (Arc<Package>, ComponentFile);

/// The package in a folder with the folder's stamp, or why it can't be read. None where there is no folder.
async fn read(path: PathBuf) -> Option<(Stamp, Result<Parts, Reason>)> {
    let read = tokio::task::spawn_blocking(move || {
        let before = stamp(&path, PARTS, &[], |_| ())?;
        let package = Package::read(&path).map_err(Reason::from);
        // Files are read one after the other: between two of them another version may have been written.
        let package = match stamp(&path, PARTS, &[], |_| ()) {
            Some(after) if after == before => package.map(|mut package| {
                let component = package.take_component();
                (Arc::new(package), component)
            }),
            _ => Err(PackageError::Changed("the package".to_owned()).into()),
        };
        Some((before, package))
    });
    read.await.unwrap_or_else(|_| {
        let reason = "reading the package panicked; the log has the place";
        Some((Stamp::unknown(), Err(Reason::lasting(reason))))
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

#[cfg(test)]
mod tests;
