//! Looking at the folder of packages while the host serves: when something is heard of a package, and by the clock.
//!
//! What is heard is waited for (`debounce`), then the one app that it is about is looked at, beside the others. A package
//! that is not whole is looked at again after a grace before anybody is told: it may still be arriving. One that is gone
//! may be on its way as well, since a replacement by two renames has a moment without either.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::notices::Watched;
use super::{CompiledCache, Debounce, Found, Notice, Notices, PARTS, Patience, Refusal, Stamp};
use super::{list, look, publish, stamp};
use crate::model::Slug;
use crate::runtime::Inner;

/// How often everything is looked at, whatever was heard.
const RESCAN: Duration = Duration::from_secs(3);
/// How long a package must have been left alone before it is called broken, or gone.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// What changes all the time is called broken after this long all the same.
const LONGEST_GRACE: Duration = Duration::from_secs(10);
/// Packages in memory at the same time.
const LOOKS: usize = 4;
/// Looks among them that compile or wait for it: one after the other, while the rest are for pages that changed, packages
/// that are gone, and code that is in the cache.
const COMPILES: usize = 2;
/// Time until an app is looked at again that was refused for the host's own trouble. It doubles each time. Tests have no time.
const AGAIN: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 30 });
/// The longest such time.
const LONGEST_AGAIN: Duration = Duration::from_mins(10);
/// Folders of one package whose changes are heard. What changes in more is found by the clock.
const MAX_WATCHED: usize = 256;

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
        waiting: VecDeque::new(),
        uncompiled: VecDeque::new(),
        compiles: Arc::new(Semaphore::new(COMPILES)),
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
    waiting: VecDeque<Slug>,
    /// Apps whose look has found that they must be compiled, and did not wait for that, in the order that they came in.
    uncompiled: VecDeque<Slug>,
    /// The places of the looks that compile or wait for it.
    compiles: Arc<Semaphore>,
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
    /// How long it was waited last, where it was refused for a trouble that may pass.
    waited: Option<Duration>,
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

/// What a look has ended with.
enum Looked {
    /// Everything was taken over.
    Done,
    /// Something odd, that nobody was told yet.
    Odd(Odd),
    /// It must be compiled, and there was no place for that; with what was odd before.
    Uncompiled(Option<Odd>),
}

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
        let runtime = Arc::clone(&self.runtime);
        self.scans.spawn(async move {
            // The folder may be another one by now.
            let watched = notices.watch_followed(&plugins, &None);
            notices.keep_only(&None, watched.as_slice());
            let slugs = list(&runtime, &plugins).await?;
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
            // What waits for the compiler is read when there is a place.
            if seen.get(slug) != stamp.as_ref() && !self.uncompiled.contains(slug) {
                self.debounce.note(slug.clone(), now);
            }
        }
        for app in self.runtime.registry.list() {
            if !stamps.contains_key(app.slug()) {
                self.debounce.note(app.slug().clone(), now);
            }
        }
        self.plan_again(now);
    }

    /// Plans another look at the apps that were refused, whoever looked, for a trouble that may pass.
    fn plan_again(&mut self, now: Instant) {
        for slug in self.runtime.decisions().passing.clone() {
            let app = self.apps.entry(slug).or_default();
            if app.waited.is_none() && !app.is_looked_at && app.retry.is_none() {
                app.waited = Some(AGAIN);
                app.retry = Some(now + AGAIN);
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
                waited: app.waited.is_some(),
                compiles: Arc::clone(&self.compiles),
                slug: slug.clone(),
            };
            let id = self.looks.spawn(look.run()).id();
            self.under_way.insert(id, slug);
        } else if !self.waiting.contains(&slug) {
            self.waiting.push_back(slug);
        }
    }

    fn ended(&mut self, looked: Result<(Id, Looked), JoinError>) {
        let id = looked.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(slug) = self.under_way.remove(&id) else {
            return;
        };
        // A look that panicked has written its own line. What it saw counts as not seen, and is looked at again.
        let panicked = looked.is_err();
        if panicked {
            self.runtime.seen().remove(&slug);
        }
        let looked = looked.map_or(Looked::Done, |(_, looked)| looked);
        let passes = self.runtime.decisions().passing.contains(&slug);
        let app = self.apps.entry(slug.clone()).or_default();
        app.is_looked_at = false;
        app.waited = app.waited.filter(|_| passes);
        match looked {
            Looked::Done if passes || panicked => app.wait_again(),
            Looked::Done => {}
            Looked::Odd(odd) => {
                app.retry = Some(odd.due());
                app.odd = Some(odd);
            }
            Looked::Uncompiled(odd) => {
                app.odd = odd;
                if !self.uncompiled.contains(&slug) {
                    self.uncompiled.push_back(slug.clone());
                }
            }
        }
        if std::mem::take(&mut app.again) {
            self.debounce.note(slug, Instant::now());
        } else if app.retry.is_none() && app.odd.is_none() {
            self.apps.remove(&slug);
        }
        self.begin_next();
    }

    /// Begins a look that waits: for a place among all, or for one to compile.
    fn begin_next(&mut self) {
        if let Some(next) = self.waiting.pop_front() {
            self.begin_look(next);
        }
        if self.looks.len() < LOOKS
            && self.compiles.available_permits() > 0
            && let Some(next) = self.uncompiled.pop_front()
        {
            self.begin_look(next);
        }
    }
}

impl Tracked {
    /// Plans the next look for the same trouble.
    fn wait_again(&mut self) {
        let wait = self.waited.map_or(AGAIN, |waited| waited * 2);
        let wait = wait.min(LONGEST_AGAIN);
        self.waited = Some(wait);
        self.retry = Some(Instant::now() + wait);
    }
}

/// How long it is waited each time, for a trouble that does not pass.
#[cfg(test)]
pub(super) fn waits(times: usize) -> Vec<Duration> {
    let mut app = Tracked {
        waited: Some(AGAIN),
        ..Tracked::default()
    };
    let each = std::iter::repeat_with(|| {
        app.wait_again();
        app.waited.unwrap_or_default()
    });
    each.take(times).collect()
}

/// A look at one app.
struct Look {
    runtime: Arc<Inner>,
    plugins: PathBuf,
    notices: Notices<Key>,
    odd: Option<Odd>,
    /// Whether it was refused for a trouble that may pass: then it is looked at though nothing has changed.
    waited: bool,
    compiles: Arc<Semaphore>,
    slug: Slug,
}

impl Look {
    async fn run(self) -> Looked {
        let Self {
            runtime,
            plugins,
            notices,
            odd,
            waited,
            compiles,
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
            return odd.map_or(Looked::Done, Looked::Odd);
        };
        let is_known = match stamp {
            Some(stamp) => runtime.seen().get(&slug) == Some(&stamp),
            None => runtime.registry.find(&slug).is_none(),
        };
        if odd.is_none() && !waited && is_known {
            return Looked::Done;
        }
        let refused = odd.as_ref().and_then(|odd| odd.refusal.as_ref());
        let found = look(&runtime, &path, &slug, refused, Patience::InPlace(compiles)).await;
        let refusal = match &found {
            Found::Refused(refusal) => Some(refusal.clone()),
            Found::Nothing => None,
            Found::Uncompiled(_) => return Looked::Uncompiled(odd),
            Found::Off(..) | Found::Same | Found::Ready(_) => {
                publish(&runtime, &slug, found);
                return Looked::Done;
            }
        };
        // A whole package that the host has trouble with is not on its way any more.
        let is_whole = |refusal: &Refusal| refusal.passes() && refusal.package.is_some();
        let may_arrive = !refusal.as_ref().is_some_and(is_whole);
        let now_odd = Odd::after(odd.as_ref(), stamp, refusal);
        if may_arrive && Instant::now() < now_odd.due() {
            return Looked::Odd(now_odd);
        }
        publish(&runtime, &slug, found);
        Looked::Done
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
        if watched.len() < MAX_WATCHED {
            watched.extend(notices.watch(folder, &key));
        }
    });
    (stamp, watched)
}

#[cfg(test)]
mod tests;
