//! A whole folder of packages: all of it before anything is served, and again when that is asked for.
//!
//! Packages are read, and code of the cache loaded, side by side, on threads that may block; compilations wait for each
//! other all the same.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use tracing::{error, warn};

use super::publish::judge;
use super::{Change, Step, app, look};
use crate::model::Slug;
use crate::runtime::Inner;

/// Looks at the same time beside as many as there are cores: in some, the guest is just started on a thread of its own.
const MORE_LOOKS: usize = 2;
/// Most looks at the same time, however many cores there are: each may hold a component and its code in memory.
const MOST_LOOKS: usize = 8;

/// Looks at every package of a folder, and puts all apps in at once: for the start, where nobody can use the first before
/// the last is there. Apps that are no longer there are dropped.
pub(in crate::runtime) async fn begin(runtime: &Arc<Inner>, plugins: &Path) -> Vec<(Slug, Change)> {
    let Some(slugs) = all(runtime, plugins).await else {
        return Vec::new();
    };
    // All turns, in their order: whoever else waits for more than one does so in this order too.
    let mut turns = Vec::with_capacity(slugs.len());
    for slug in &slugs {
        turns.push(runtime.look_turns.take(slug).await);
    }
    let found = side_by_side(slugs, |slug| {
        let (runtime, path) = (Arc::clone(runtime), plugins.join(slug.as_str()));
        async move {
            let found = look(&runtime, &path, &slug, None).await;
            (slug, found)
        }
    });
    let mut changes = Vec::new();
    let mut put = Vec::new();
    for (slug, found) in found.await {
        let (change, step) = judge(runtime, &slug, found);
        match step {
            Step::Nothing => {}
            Step::Put(app) => put.push(app),
            Step::Remove => runtime.registry.remove(&slug, runtime.services.clock.now()),
        }
        changes.push((slug, change));
    }
    let now = runtime.services.clock.now();
    runtime.registry.put_all(put, now);
    drop(turns);
    changes.sort_by(|(one, _), (other, _)| one.cmp(other));
    changes
}

/// Looks at every package again, and drops the apps that are no longer there. Each app is taken over as soon as it was
/// looked at: none waits for another's compilation.
pub(in crate::runtime) async fn again(runtime: &Arc<Inner>, plugins: &Path) -> Vec<(Slug, Change)> {
    let Some(slugs) = all(runtime, plugins).await else {
        return Vec::new();
    };
    let changes = side_by_side(slugs, |slug| {
        let (runtime, plugins) = (Arc::clone(runtime), plugins.to_owned());
        async move {
            let change = app(&runtime, &plugins, &slug).await;
            (slug, change)
        }
    });
    let mut changes = changes.await;
    changes.sort_by(|(one, _), (other, _)| one.cmp(other));
    changes
}

/// The packages of a folder, which becomes the folder of packages, and the apps that are known.
async fn all(runtime: &Inner, plugins: &Path) -> Option<BTreeSet<Slug>> {
    runtime.remember_folder(plugins);
    let mut slugs = list(plugins).await?;
    let known = runtime.registry.list();
    slugs.extend(known.iter().map(|app| app.slug().clone()));
    Some(slugs)
}

/// Does something for each app, for about as many at the same time as the machine has cores. In the order in which they end.
async fn side_by_side<T, F>(slugs: BTreeSet<Slug>, of_one: impl Fn(Slug) -> F) -> Vec<T>
where
    F: Future<Output = T>,
{
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let each = stream::iter(slugs).map(of_one);
    each.buffer_unordered((cores + MORE_LOOKS).min(MOST_LOOKS))
        .collect()
        .await
}

/// The slugs of a folder of packages; none where it can't be read, which is told once.
pub(super) async fn list(plugins: &Path) -> Option<BTreeSet<Slug>> {
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
