//! What one guest call has asked of Cloud so far.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::model::Permission;

/// Counts the Cloud calls of one guest call.
#[derive(Debug, Default)]
pub struct CallMeter {
    calls: AtomicU32,
    micros: AtomicU64,
    bytes: AtomicU64,
    denied: Mutex<Vec<Permission>>,
}

impl CallMeter {
    /// Cloud calls that were begun.
    pub fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Time spent waiting for Cloud, summed over calls in parallel.
    pub fn time(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }

    /// Bytes of the bodies that were sent and of the answers that were handed on, second tries left out.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Scopes that were asked for and denied, each once.
    pub fn denied(&self) -> Vec<Permission> {
        self.denied
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes one call out of the budget; false if it is used up.
    pub(super) fn begin(&self, max: u32) -> bool {
        self.calls
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |calls| {
                (calls < max).then(|| calls + 1)
            })
            .is_ok()
    }

    pub(super) fn add(&self, time: Duration, bytes: usize) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn deny(&self, permission: Permission) {
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        if !denied.contains(&permission) {
            denied.push(permission);
        }
    }
}
