//! From folders in `plugins/` to apps in the registry.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{error, warn};

use super::Inner;
use super::admission::Admission;
use super::package::Package;
use super::registry::{App, AppStatus};
use crate::model::Slug;

mod prepare;

/// Loads every package of a folder, one after the other, and drops the apps that are no longer there.
pub(super) async fn folder(runtime: &Arc<Inner>, plugins: &Path) {
    let listed = {
        let plugins = plugins.to_owned();
        tokio::task::spawn_blocking(move || list(&plugins)).await
    };
    let packages = match listed {
        Ok(Ok(packages)) => packages,
        Ok(Err(error)) => {
            error!(folder = %plugins.display(), "Cannot read the folder of packages: {error}");
            return;
        }
        Err(_) => return,
    };
    for (slug, path) in &packages {
        runtime.registry.put(app(runtime, slug, path).await);
    }
    let slugs: Vec<_> = packages.into_iter().map(|(slug, _)| slug).collect();
    runtime.registry.retain(&slugs);
}

/// The folders that can be packages, by slug. A missing folder has none.
fn list(plugins: &Path) -> std::io::Result<Vec<(Slug, PathBuf)>> {
    let entries = match std::fs::read_dir(plugins) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut packages = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // README.md and the like; what a build lays down before it is renamed into place.
        if name.starts_with('.') || entry.file_type()?.is_file() {
            continue;
        }
        match Slug::parse(name.as_str()) {
            Ok(slug) => packages.push((slug, entry.path())),
            Err(error) => {
                warn!(folder = %name.escape_debug(), "Left out a folder whose name is no slug: it {error}");
            }
        }
    }
    packages.sort();
    Ok(packages)
}

/// One app as it stands now: what it served stays where the new package can't be served.
async fn app(runtime: &Arc<Inner>, slug: &Slug, path: &Path) -> App {
    let (limits, enabled) = match runtime.settings.apps.get(slug) {
        Some(app) => (&app.limits, app.enabled),
        None => (&runtime.settings.limits, true),
    };
    let before = runtime.registry.find(slug);
    // Permits outlive versions: calls of the old one still hold theirs.
    let admission = before.as_ref().map_or_else(
        || Arc::new(Admission::new(Arc::clone(&runtime.running), limits)),
        |app| Arc::clone(app.admission()),
    );
    let package = read(path).await;
    if !enabled {
        return App::disabled(slug.clone(), package.ok(), admission);
    }
    let before = before.as_ref().and_then(|app| app.plugin());
    let unchanged =
        |package: &Arc<Package>| before.filter(|old| old.package().digest() == package.digest());
    let loaded = match &package {
        Ok(package) => match unchanged(package) {
            Some(plugin) => Ok(Arc::clone(plugin)),
            None => prepare::plugin(runtime, Arc::clone(package), limits).await,
        },
        Err(reason) => Err(reason.clone()),
    };
    match (loaded, before) {
        (Ok(plugin), _) => App::serving(plugin, None, admission),
        (Err(reason), Some(old)) => {
            warn!(app = %slug, "Kept the former version of {slug}: {reason}");
            App::serving(Arc::clone(old), Some(reason), admission)
        }
        (Err(reason), None) => {
            warn!(app = %slug, status = AppStatus::Broken.as_str(), "Cannot serve {slug}: {reason}");
            App::broken(slug.clone(), package.ok(), reason, admission)
        }
    }
}

async fn read(path: &Path) -> Result<Arc<Package>, String> {
    let path = path.to_owned();
    match tokio::task::spawn_blocking(move || Package::read(&path)).await {
        Ok(Ok(package)) => Ok(Arc::new(package)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("reading the package panicked".to_owned()),
    }
}
