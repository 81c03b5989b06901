//! A whole folder of packages: all of it before anything is served, and again when that is asked for.
//!
//! Packages are read, and code of the cache loaded, side by side, on threads that may block; compilations wait for each
//! other all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use tokio::time::sleep;
use tracing::warn;

use super::publish::judge;
use super::watch::GRACE;
use super::{Change, Found, Patience, Step, app, look, unless_gone};
use crate::model::Slug;
use crate::runtime::Inner;
use crate::runtime::guest_log::escaped;

/// Looks at the same time beside as many as there are cores: in some, the guest is just started on a thread of its own.
const MORE_LOOKS: usize = 2;
/// Most looks at the same time, however many cores there are: each may hold a component and its code in memory.
const MOST_LOOKS: usize = 8;
/// Most folders that are told of as left out.
const MAX_ODD: usize = 100;
/// Longest name of a folder that is told, in bytes.
const MAX_NAME: usize = 100;

/// Looks at every package of a folder, and puts all apps in at once: for the start, where nobody can use the first before
/// the last is there. Apps that are no longer there are dropped.
pub(in crate::runtime) async fn begin(
    runtime: &Arc<Inner>,
    plugins: &Path,
    patience: Patience,
) -> Vec<(Slug, Change)> {
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
        let patience = patience.clone();
        async move {
            let found = look(&runtime, &path, &slug, None, patience).await;
            (slug, found)
        }
    });
    let mut changes = take_over(runtime, found.await);
    drop(turns);
    changes.sort_by(|(one, _), (other, _)| one.cmp(other));
    changes
}

/// Puts what was found into the registry at once.
fn take_over(runtime: &Inner, found: Vec<(Slug, Found)>) -> Vec<(Slug, Change)> {
    let mut decisions = runtime.decisions();
    let now = runtime.services.clock.now();
    let mut changes = Vec::new();
    let mut put = Vec::new();
    for (slug, found) in found {
        let (change, step) = judge(runtime, &mut decisions, &slug, found);
        match step {
            Step::Nothing => {}
            Step::Put(app) => put.push(app),
            Step::Remove => runtime.registry.remove(&slug, now),
        }
        changes.push((slug, change));
    }
    runtime.registry.put_all(put, now);
    changes
}

/// Looks at every package again, and drops the apps that are no longer there, once they are not there after a grace: a
/// package that nobody named may be on its way. Each app is taken over as soon as it was looked at: none waits for another's
/// compilation.
pub(in crate::runtime) async fn again(runtime: &Arc<Inner>, plugins: &Path) -> Vec<(Slug, Change)> {
    let Some(slugs) = all(runtime, plugins).await else {
        return Vec::new();
    };
    let looked = side_by_side(slugs, |slug| {
        let (runtime, plugins) = (Arc::clone(runtime), plugins.to_owned());
        async move {
            let change = unless_gone(&runtime, &plugins, &slug).await;
            (slug, change)
        }
    });
    let mut changes = Vec::new();
    let mut gone = Vec::new();
    for (slug, change) in looked.await {
        match change {
            Some(change) => changes.push((slug, change)),
            None => gone.push(slug),
        }
    }
    if !gone.is_empty() {
        sleep(GRACE).await;
    }
    for slug in gone {
        let change = app(runtime, plugins, &slug).await;
        changes.push((slug, change));
    }
    changes.sort_by(|(one, _), (other, _)| one.cmp(other));
    changes
}

/// The packages of a folder, which becomes the folder of packages, and the apps that are known.
async fn all(runtime: &Inner, plugins: &Path) -> Option<BTreeSet<Slug>> {
    runtime.remember_folder(plugins);
    let mut slugs = list(runtime, plugins).await?;
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

/// What was told of the folder itself. It is looked at every few seconds, and nobody wants to read the same as often.
#[derive(Default)]
pub(in crate::runtime) struct Told {
    trouble: Option<String>,
    odd: BTreeSet<String>,
}

/// The names in a folder of packages.
#[derive(Default)]
struct Names {
    slugs: BTreeSet<Slug>,
    /// Names of folders that are no slugs, with what is wrong; the first of them.
    odd: BTreeMap<String, String>,
}

impl Told {
    /// Sentences about what is new: a folder that can't be read or can be again, and folders that are left out.
    fn news(&mut self, listed: &std::io::Result<Names>) -> Vec<String> {
        let trouble = listed.as_ref().err().map(ToString::to_string);
        let mut news = Vec::new();
        if trouble != self.trouble {
            news.push(match &trouble {
                Some(error) => format!("Cannot read the folder of packages: {error}"),
                None => "The folder of packages can be read again".to_owned(),
            });
        }
        self.trouble = trouble;
        let Ok(names) = listed else {
            return news;
        };
        let fresh = names
            .odd
            .iter()
            .filter(|(name, _)| !self.odd.contains(*name));
        news.extend(fresh.map(|(name, error)| {
            format!("Left out the folder {name}, whose name is no slug: it {error}")
        }));
        self.odd = names.odd.keys().cloned().collect();
        news
    }
}

/// The slugs of a folder of packages; none where it can't be read.
pub(super) async fn list(runtime: &Inner, plugins: &Path) -> Option<BTreeSet<Slug>> {
    let shown = plugins.display().to_string();
    let plugins = plugins.to_owned();
    let listed = tokio::task::spawn_blocking(move || read_names(&plugins)).await;
    let listed = listed.ok()?;
    for sentence in runtime.told().news(&listed) {
        warn!(folder = %shown, "{sentence}");
    }
    listed.ok().map(|names| names.slugs)
}

/// The folders that can be packages, by slug. A missing folder has none.
fn read_names(plugins: &Path) -> std::io::Result<Names> {
    let mut names = Names::default();
    let entries = match std::fs::read_dir(plugins) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(names),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_file = match entry.file_type() {
            Ok(kind) => kind.is_file(),
            // It is gone again.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        // README.md and the like; what a build lays down before it is renamed into place.
        if name.starts_with('.') || is_file {
            continue;
        }
        match Slug::parse(name.as_str()) {
            Ok(slug) => drop(names.slugs.insert(slug)),
            Err(error) if names.odd.len() < MAX_ODD => {
                let name = format!("\"{}\"", escaped(&name, MAX_NAME));
                names.odd.insert(name, error.to_string());
            }
            Err(_) => {}
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_odd_about_the_folder_is_told_once_and_again_only_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let plugins = folder.path().join("plugins");
        std::fs::create_dir_all(plugins.join("lost+found")).unwrap();
        std::fs::create_dir_all(plugins.join("kyc")).unwrap();
        let mut told = Told::default();
        let mut news = || told.news(&read_names(&plugins));
        let first = news();
        assert!(
            first.len() == 1 && first[0].contains("Left out the folder \"lost+found\""),
            "{first:?}"
        );
        assert!(news().is_empty());
        std::fs::create_dir(plugins.join("Odd")).unwrap();
        assert!(news()[0].contains("\"Odd\""));
        std::fs::rename(&plugins, folder.path().join("away")).unwrap();
        std::fs::write(&plugins, "a file").unwrap();
        let broken = news();
        assert!(
            broken.len() == 1 && broken[0].starts_with("Cannot read the folder of packages: "),
            "{broken:?}"
        );
        assert!(news().is_empty());
        std::fs::remove_file(&plugins).unwrap();
        std::fs::rename(folder.path().join("away"), &plugins).unwrap();
        assert_eq!(news(), ["The folder of packages can be read again"]);
    }
}
