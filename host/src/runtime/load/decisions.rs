//! What is decided about apps one after the other: what a look found against what the operator has switched off meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use crate::model::Slug;
use crate::runtime::Inner;
use crate::runtime::admission::Admission;

/// What is remembered of apps beside the registry. Locked whenever the registry or the switches change, so that neither is
/// decided by what the other no longer says; never while anything is awaited.
#[derive(Default)]
pub(in crate::runtime) struct Decisions {
    /// Apps that were refused for a trouble that may be over at the next look.
    pub(super) passing: BTreeSet<Slug>,
    /// Apps of the start that wait for the compiler, or are at it.
    pub(super) starting: BTreeSet<Slug>,
    /// The permits of every app that has calls, whether there is a package of that name or not.
    admissions: BTreeMap<Slug, Weak<Admission>>,
}

impl Decisions {
    /// The permits of an app. They outlive its versions and its package: calls of an old one still hold theirs.
    pub(super) fn admission(&mut self, runtime: &Inner, slug: &Slug) -> Arc<Admission> {
        if let Some(known) = self.admissions.get(slug).and_then(Weak::upgrade) {
            return known;
        }
        self.admissions.retain(|_, known| known.strong_count() > 0);
        let limits = runtime.limits(slug);
        let fresh = Arc::new(Admission::new(Arc::clone(&runtime.running), limits));
        self.admissions.insert(slug.clone(), Arc::downgrade(&fresh));
        fresh
    }

    /// How many apps of the start are not compiled yet.
    pub(in crate::runtime) fn starting(&self) -> usize {
        self.starting.len()
    }
}
