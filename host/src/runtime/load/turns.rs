//! One look at an app at a time: what a later look found must not be overwritten by an earlier one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

use crate::model::Slug;

type Turn = tokio::sync::Mutex<()>;

/// The turn of each app.
#[derive(Default)]
pub(in crate::runtime) struct LookTurns(Mutex<HashMap<Slug, Weak<Turn>>>);

impl LookTurns {
    /// Waits for the turn of an app, which ends with what is answered.
    pub(super) async fn take(&self, slug: &Slug) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let known = turns.get(slug).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                turns.retain(|_, turn| turn.strong_count() > 0);
                let turn = Arc::new(Turn::default());
                turns.insert(slug.clone(), Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }
}
