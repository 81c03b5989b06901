//! From what a look has found to what the registry has: what served stays where the new package can't be served.

use std::sync::Arc;

use tracing::{info, warn};

use super::{Change, Found, Refusal};
use crate::model::Slug;
use crate::runtime::Inner;
use crate::runtime::admission::Admission;
use crate::runtime::registry::{App, AppStatus};

/// What there is to do in the registry.
pub(super) enum Step {
    Nothing,
    Put(App),
    Remove,
}

/// Takes over what was found. In the app's turn.
pub(super) fn publish(runtime: &Inner, slug: &Slug, found: Found) -> Change {
    let (change, step) = judge(runtime, slug, found);
    let now = runtime.services.clock.now();
    match step {
        Step::Nothing => {}
        Step::Put(app) => runtime.registry.put(app, now),
        Step::Remove => runtime.registry.remove(slug, now),
    }
    change
}

/// Says what becomes of what was found, and tells whoever reads the log. In the app's turn, which lasts until the step is
/// done.
pub(super) fn judge(runtime: &Inner, slug: &Slug, found: Found) -> (Change, Step) {
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
        // Only what serves is ever the same.
        (Found::Same, _) => (Change::Unchanged, Step::Nothing),
        (Found::Ready(plugin), _) => {
            let app = App::serving(plugin, None, admission);
            (Change::Loaded, Step::Put(app))
        }
        (Found::Refused(Refusal { reason, .. }), Some(_)) if told == Some(&*reason) => {
            (Change::Refused, Step::Nothing)
        }
        (Found::Refused(Refusal { reason, .. }), Some(old)) => {
            warn!(app = %slug, "Kept the former version of {slug}: {reason}");
            let app = App::serving(Arc::clone(old), Some(reason), admission);
            (Change::Refused, Step::Put(app))
        }
        (Found::Refused(Refusal { package, reason }), None) => {
            if told != Some(&*reason) {
                warn!(app = %slug, status = AppStatus::Broken.as_str(), "Cannot serve {slug}: {reason}");
            }
            let app = App::broken(slug.clone(), package, reason, admission);
            (Change::Refused, Step::Put(app))
        }
    }
}
