//! For tests: a place in every host function where a bug of the host's can be had on demand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

/// Makes host functions panic while it is armed, and counts how often each did. One for each runtime.
#[derive(Debug, Default)]
pub(crate) struct FailPoint {
    armed: AtomicBool,
    panics: Mutex<BTreeMap<&'static str, usize>>,
}

impl FailPoint {
    /// From now on, or no longer.
    pub(crate) fn arm(&self, armed: bool) {
        self.armed.store(armed, SeqCst);
    }

    /// How often each interface panicked, by the name that it is counted under.
    pub(crate) fn panics(&self) -> BTreeMap<&'static str, usize> {
        self.panics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Panics if it is armed, without the words that a panic prints: there will be thousands.
    pub(super) fn reach(&self, interface: &'static str) {
        if self.armed.load(SeqCst) {
            let mut panics = self.panics.lock().unwrap_or_else(PoisonError::into_inner);
            *panics.entry(interface).or_default() += 1;
            drop(panics);
            std::panic::resume_unwind(Box::new("a panic that a test asked for"));
        }
    }
}
