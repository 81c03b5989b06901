//! Looking at the folder of packages while the host serves: when something is heard of a package, and by the clock.
//!
//! What is heard is waited for (`debounce`), then the one app that it is about is looked at, beside the others. A package
//! that is not whole is looked at again after a grace before anybody is told: it may still be arriving. One that is gone
//! may be on its way as well, since a replacement by two renames has a moment without either.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::notices::Watched;
use super::{CompiledCache, Debounce, Found, Notice, Notices, PARTS, Refusal, Stamp};
use super::{list, look, publish, stamp};
use crate::model::Slug;
use crate::runtime::Inner;

/// How often everything is looked at, whatever was heard.
const RESCAN: Duration = Duration::from_secs(3);
/// How long a package must have been left alone before it is called broken, or gone.
const GRACE: Duration = Duration::from_secs(2);
/// What changes all the time is called broken after this long all the same.
const LONGEST_GRACE: Duration = Duration::from_secs(10);
/// Packages in memory at the same time. They are compiled one after the other; the others are read meanwhile, and so a
/// page that changed need not wait for another app's compilation.
const LOOKS: usize = 4;

/// Watches the folder of packages until told to stop.
pub(in crate::runtime) async fn watch(
    runtime: Arc<Inner>,
    plugins: PathBuf,
    stopping: CancellationToken,
) {
    let mut watch = Watch {
        runtime,
        plugins,
        notices: Notices::begin(),
        debounce: Debounce::new(),
        apps: BTreeMap::new(),
        waiting: Vec::new(),
        looks: JoinSet::new(),
        under_way: HashMap::new(),
        scans: JoinSet::new(),
    };
    let mut rescan = interval(RESCAN);
    rescan.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stopping.is_cancelled() {
        tokio::select! {
            () = stopping.cancelled() => {}
            notice = watch.notices.next() => watch.heard(notice),
            slug = watch.debounce.next() => watch.begin_look(slug),
            slug = next_retry(&watch.apps) => watch.begin_look(slug),
            Some(seen) = watch.scans.join_next() => watch.compare(seen.ok().flatten()),
            Some(looked) = watch.looks.join_next_with_id() => watch.ended(looked),
            _ = rescan.tick() => watch.begin_scan(),
        }
    }
}

/// What notices are about: the folder of packages itself, or one of them.
type Key = Option<Slug>;

struct Watch {
    runtime: Arc<Inner>,
    plugins: PathBuf,
    notices: Notices<Key>,
    debounce: Debounce<Slug>,
    /// The apps of which something is still to come.
    apps: BTreeMap<Slug, Tracked>,
    /// Apps whose look waits for its turn, in the order that they came in.
    waiting: Vec<Slug>,
    looks: JoinSet<Looked>,
    /// Whom the looks are about.
    under_way: HashMap<Id, Slug>,
    scans: JoinSet<Option<BTreeMap<Slug, Option<Stamp>>>>,
}

/// What is known of an app between two looks.
#[derive(Default)]
struct Tracked {
    /// Whether a look is under way.
    is_looked_at: bool,
    /// Whether something was heard meanwhile.
    again: bool,
    /// What was found and nobody was told yet.
    odd: Option<Odd>,
    /// When it is looked at again.
    retry: Option<Instant>,
}

/// A package that is gone or can't be served, which may be so for a moment only.
struct Odd {
    /// Since when it is so, whatever was changed meanwhile.
    since: Instant,
    /// What it looked like last.
    stamp: Option<Stamp>,
    /// Since when it looks like that.
    still_since: Instant,
    /// What was refused: it need not be compiled again to be refused again.
    refusal: Option<Refusal>,
}

impl Odd {
    /// What is odd now, seen after what was odd before.
    fn after(before: Option<&Self>, stamp: Option<Stamp>, refusal: Option<Refusal>) -> Self {
        let now = Instant::now();
        let still = before.filter(|before| before.stamp == stamp);
        Self {
            since: before.map_or(now, |before| before.since),
            still_since: still.map_or(now, |before| before.still_since),
            stamp,
            refusal,
        }
    }

    /// When somebody is told.
    fn due(&self) -> Instant {
        (self.still_since + GRACE).min(self.since + LONGEST_GRACE)
    }
}

/// What a look has ended with: something odd if nobody was told yet.
struct Looked(Option<Odd>);

/// Waits for the first retry that is due, for ever while there is none.
async fn next_retry(apps: &BTreeMap<Slug, Tracked>) -> Slug {
    let idle = apps.iter().filter(|(_, app)| !app.is_looked_at);
    let first = idle.filter_map(|(slug, app)| Some((app.retry?, slug)));
    match first.min() {
        Some((due, slug)) => {
            let slug = slug.clone();
            sleep_until(due).await;
            slug
        }
        None => std::future::pending().await,
    }
}

impl Watch {
    fn heard(&mut self, notice: Notice<Key>) {
        let now = Instant::now();
        match notice {
            Notice::In(Some(slug), _) => self.debounce.note(slug, now),
            // What lies beside the packages, such as what a build lays out, is no slug.
            Notice::In(None, Some(name)) => {
                if let Ok(slug) = Slug::parse(name) {
                    self.debounce.note(slug, now);
                }
            }
            Notice::In(None, None) | Notice::Lost => self.begin_scan(),
        }
    }

    /// Looks at every package from outside, unless that is under way.
    fn begin_scan(&mut self) {
        let now = self.runtime.services.clock.now();
        self.runtime.registry.sweep(now);
        let cache = self.runtime.cache.as_ref();
        if cache.is_some_and(CompiledCache::has_grown) {
            self.runtime.sweep_cache();
        }
        if !self.scans.is_empty() {
            return;
        }
        let (plugins, notices) = (self.plugins.clone(), self.notices.clone());
        self.scans.spawn(async move {
            // The folder may be another one by now.
            let watched = notices.watch_followed(&plugins, &None);
            notices.keep_only(&None, watched.as_slice());
            let slugs = list(&plugins).await?;
            let stamps = tokio::task::spawn_blocking(move || {
                let seen = slugs.into_iter().map(|slug| {
                    let (stamp, _) = watched_stamp(&notices, &plugins, &slug);
                    (slug, stamp)
                });
                seen.collect()
            });
            stamps.await.ok()
        });
    }

    /// Finds what changed since it was read. Of a folder that could not be listed nothing is said.
    fn compare(&mut self, stamps: Option<BTreeMap<Slug, Option<Stamp>>>) {
        let Some(stamps) = stamps else {
            return;
        };
        let now = Instant::now();
        let seen = self.runtime.seen().clone();
        for (slug, stamp) in &stamps {
            if seen.get(slug) != stamp.as_ref() {
                self.debounce.note(slug.clone(), now);
            }
        }
        for app in self.runtime.registry.list() {
            if !stamps.contains_key(app.slug()) {
                self.debounce.note(app.slug().clone(), now);
            }
        }
    }

    /// Begins to look at an app, or has it wait while there are enough looks.
    fn begin_look(&mut self, slug: Slug) {
        let app = self.apps.entry(slug.clone()).or_default();
        app.retry = None;
        if app.is_looked_at {
            app.again = true;
        } else if self.looks.len() < LOOKS {
            app.is_looked_at = true;
            let look = Look {
                runtime: Arc::clone(&self.runtime),
                plugins: self.plugins.clone(),
                notices: self.notices.clone(),
                odd: app.odd.take(),
                slug: slug.clone(),
            };
            let id = self.looks.spawn(look.run()).id();
            self.under_way.insert(id, slug);
        } else if !self.waiting.contains(&slug) {
            self.waiting.push(slug);
        }
    }

    fn ended(&mut self, looked: Result<(Id, Looked), JoinError>) {
        let id = looked.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(slug) = self.under_way.remove(&id) else {
            return;
        };
        // A look that panicked has written its own line.
        let odd = looked.ok().and_then(|(_, Looked(odd))| odd);
        let app = self.apps.entry(slug.clone()).or_default();
        app.is_looked_at = false;
        app.retry = odd.as_ref().map(Odd::due);
        app.odd = odd;
        if std::mem::take(&mut app.again) {
            self.debounce.note(slug, Instant::now());
        } else if app.retry.is_none() {
            self.apps.remove(&slug);
        }
        if !self.waiting.is_empty() {
            let next = self.waiting.remove(0);
            self.begin_look(next);
        }
    }
}

/// A look at one app.
struct Look {
    runtime: Arc<Inner>,
    plugins: PathBuf,
    notices: Notices<Key>,
    odd: Option<Odd>,
    slug: Slug,
}

impl Look {
    async fn run(self) -> Looked {
        let Self {
            runtime,
            plugins,
            notices,
            odd,
            slug,
        } = self;
        let _turn = runtime.look_turns.take(&slug).await;
        let path = plugins.join(slug.as_str());
        let stamp = {
            let slug = slug.clone();
            // Watched from here on: what changes after this look is heard.
            tokio::task::spawn_blocking(move || {
                let key = Some(slug.clone());
                let (stamp, watched) = watched_stamp(&notices, &plugins, &slug);
                notices.keep_only(&key, &watched);
                stamp
            })
        };
        let Ok(stamp) = stamp.await else {
            return Looked(odd);
        };
        let is_known = match stamp {
            Some(stamp) => runtime.seen().get(&slug) == Some(&stamp),
            None => runtime.registry.find(&slug).is_none(),
        };
        if odd.is_none() && is_known {
            return Looked(None);
        }
        let refused = odd.as_ref().and_then(|odd| odd.refusal.as_ref());
        let found = look(&runtime, &path, &slug, refused).await;
        let refusal = match &found {
            Found::Refused(refusal) => Some(refusal.clone()),
            Found::Nothing => None,
            Found::Off(..) | Found::Same | Found::Ready(_) => {
                publish(&runtime, &slug, found);
                return Looked(None);
            }
        };
        let now_odd = Odd::after(odd.as_ref(), stamp, refusal);
        if Instant::now() < now_odd.due() {
            return Looked(Some(now_odd));
        }
        publish(&runtime, &slug, found);
        Looked(None)
    }
}

/// What a package looks like from outside, its folders watched from now on.
fn watched_stamp(
    notices: &Notices<Key>,
    plugins: &Path,
    slug: &Slug,
) -> (Option<Stamp>, Vec<Watched>) {
    let key = Some(slug.clone());
    let mut watched = Vec::new();
    let stamp = stamp(&plugins.join(slug.as_str()), PARTS, &[], |folder| {
        watched.extend(notices.watch(folder, &key));
    });
    (stamp, watched)
}

#[cfg(test)]
mod tests;
