//! From folders in `plugins/` to apps in the registry: at the start, while serving, and when it is asked for.
//!
//! One look at an app: its stamp, its package read as one snapshot, compiled if it is another one than what serves, and
//! then one pointer swapped. `watch` decides when to look.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Inner;
use super::package::{ComponentFile, Package, PackageError};
use super::plugin::Plugin;
use crate::model::Slug;

mod cache;
pub(super) mod code;
mod compiler;
mod debounce;
mod folder;
mod notices;
mod prepare;
mod publish;
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
pub(super) use folder::{again, begin};
pub(crate) use notices::{Notice, Notices};
pub(crate) use stamp::{Stamp, stamp};
pub(super) use turns::LookTurns;
pub(super) use watch::watch;

use folder::list;
use publish::{Step, publish};

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

/// Looks at one app now and takes over what is there.
pub(super) async fn app(runtime: &Arc<Inner>, plugins: &Path, slug: &Slug) -> Change {
    let _turn = runtime.look_turns.take(slug).await;
    let found = look(runtime, &plugins.join(slug.as_str()), slug, None).await;
    publish(runtime, slug, found)
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
        return Found::Off(package.ok().map(|(package, _)| package), reason);
    }
    let (package, component) = match package {
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
    match prepare::plugin(
        runtime,
        Arc::clone(&package),
        component,
        runtime.limits(slug),
    )
    .await
    {
        Ok(plugin) => Found::Ready(plugin),
        Err(reason) => Found::Refused(Refusal {
            package: Some(package),
            reason,
        }),
    }
}

/// A package, and apart from it its component, which is let go of once it is compiled.
type Parts = (Arc<Package>, ComponentFile);

/// The package in a folder with the folder's stamp, or why it can't be read. None where there is no folder.
async fn read(path: PathBuf) -> Option<(Stamp, Result<Parts, String>)> {
    let read = tokio::task::spawn_blocking(move || {
        let before = stamp(&path, PARTS, &[], |_| ())?;
        let package = Package::read(&path).map_err(|error| error.to_string());
        // Files are read one after the other: between two of them another version may have been written.
        let package = match stamp(&path, PARTS, &[], |_| ()) {
            Some(after) if after == before => package.map(|mut package| {
                let component = package.take_component();
                (Arc::new(package), component)
            }),
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
