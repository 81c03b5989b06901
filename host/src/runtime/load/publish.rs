//! From what a look has found to what the registry has: what served stays where the new package can't be served, and what
//! the operator switched off serves nobody, whatever was found.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::{info, warn};

use super::decisions::Decisions;
use super::{Change, Found};
use crate::model::Slug;
use crate::runtime::Inner;
use crate::runtime::registry::{App, AppStatus};

/// The reason of an app whose component is not compiled yet.
const UNCOMPILED: &str = "it is being compiled, and serves as soon as that is done";

/// What there is to do in the registry.
pub(super) enum Step {
    Nothing,
    Put(App),
    Remove,
}

/// Takes over what was found. In the app's turn.
pub(super) fn publish(runtime: &Inner, slug: &Slug, found: Found) -> Change {
    let mut decisions = runtime.decisions();
    let (change, step) = judge(runtime, &mut decisions, slug, found);
    let now = runtime.services.clock.now();
    match step {
        Step::Nothing => {}
        Step::Put(app) => runtime.registry.put(app, now),
        Step::Remove => runtime.registry.remove(slug, now),
    }
    change
}

/// Takes over which apps the operator has switched off, as `newest` answers it under the lock: who asks later decides with
/// what is known later. What is off serves nobody from here on, whatever is under way for it. Answers what is on again.
pub(in crate::runtime) fn switch(
    runtime: &Inner,
    newest: impl FnOnce() -> BTreeSet<Slug>,
) -> Vec<Slug> {
    let mut decisions = runtime.decisions();
    let now = Arc::new(newest());
    let before = runtime.switched_off.swap(Arc::clone(&now));
    for slug in &*now {
        let app = runtime.registry.find(slug);
        let Some(app) = app.filter(|app| app.status() != AppStatus::Disabled) else {
            continue;
        };
        let Some(reason) = runtime.off(slug) else {
            continue;
        };
        let found = Found::Off(app.package().cloned(), reason);
        if let (_, Step::Put(app)) = judge(runtime, &mut decisions, slug, found) {
            runtime.registry.put(app, runtime.services.clock.now());
        }
    }
    before.difference(&now).cloned().collect()
}

/// Says what becomes of what was found, and tells whoever reads the log. In the app's turn, which lasts until the step is
/// done, as the decisions stay locked until then.
pub(super) fn judge(
    runtime: &Inner,
    decisions: &mut Decisions,
    slug: &Slug,
    found: Found,
) -> (Change, Step) {
    let before = runtime.registry.find(slug);
    let before = before.as_deref();
    let found = unless_off(runtime, slug, before, found);
    note(decisions, slug, &found);
    let admission = decisions.admission(runtime, slug);
    let serves = before.and_then(App::plugin);
    let told = before.and_then(App::reason);
    match (found, serves) {
        (Found::Nothing, _) if before.is_none() => (Change::Unchanged, Step::Nothing),
        (Found::Nothing, _) => {
            info!(app = %slug, "Dropped {slug}: its package is gone. Its addresses still take events");
            (Change::Removed, Step::Remove)
        }
        (Found::Off(package, reason), _) => {
            if told != Some(&*reason) {
                info!(app = %slug, "{slug} is {reason}");
            }
            let app = App::disabled(slug.clone(), package, reason, admission);
            (Change::Off, Step::Put(app))
        }
        (Found::Same, Some(plugin)) if told.is_some() => {
            info!(app = %slug, "The package of {slug} is again the one that serves");
            let app = App::serving(Arc::clone(plugin), None, admission);
            (Change::Unchanged, Step::Put(app))
        }
        // Only what serves is ever the same; and what serves goes on until another version is compiled.
        (Found::Same, _) | (Found::Uncompiled(_), Some(_)) => (Change::Unchanged, Step::Nothing),
        (Found::Uncompiled(package), None) => {
            let reason = UNCOMPILED.to_owned();
            let app = App::broken(slug.clone(), Some(package), reason, admission);
            (Change::Unchanged, Step::Put(app))
        }
        (Found::Ready(plugin), _) => {
            let app = App::serving(plugin, None, admission);
            (Change::Loaded, Step::Put(app))
        }
        (Found::Refused(refusal), Some(_)) if told == Some(refusal.reason()) => {
            (Change::Refused, Step::Nothing)
        }
        (Found::Refused(refusal), Some(old)) => {
            let reason = refusal.reason();
            warn!(app = %slug, "Kept the former version of {slug}: {reason}");
            let app = App::serving(Arc::clone(old), Some(reason.to_owned()), admission);
            (Change::Refused, Step::Put(app))
        }
        (Found::Refused(refusal), None) => {
            let reason = refusal.reason();
            if told != Some(reason) {
                warn!(app = %slug, status = AppStatus::Broken.as_str(), "Cannot serve {slug}: {reason}");
            }
            let reason = reason.to_owned();
            let app = App::broken(slug.clone(), refusal.package, reason, admission);
            (Change::Refused, Step::Put(app))
        }
    }
}

/// What was found, unless the app was switched off while it was looked for.
fn unless_off(runtime: &Inner, slug: &Slug, before: Option<&App>, found: Found) -> Found {
    let (reason, found) = match (runtime.off(slug), found) {
        (None, found) | (Some(_), found @ (Found::Nothing | Found::Off(..))) => return found,
        (Some(reason), found) => (reason, found),
    };
    let package = match found {
        Found::Ready(plugin) => Some(Arc::clone(plugin.package())),
        Found::Uncompiled(package) => Some(package),
        Found::Refused(refusal) => refusal.package,
        Found::Same | Found::Nothing | Found::Off(..) => None,
    };
    let package = package.or_else(|| before.and_then(|app| app.package().cloned()));
    Found::Off(package, reason)
}

fn note(decisions: &mut Decisions, slug: &Slug, found: &Found) {
    let set = |set: &mut BTreeSet<Slug>, belongs: bool| {
        if belongs {
            set.insert(slug.clone());
        } else {
            set.remove(slug);
        }
    };
    let passes = matches!(found, Found::Refused(refusal) if refusal.passes());
    set(&mut decisions.passing, passes);
    set(
        &mut decisions.starting,
        matches!(found, Found::Uncompiled(_)),
    );
}
