//! The page of one version: its files, and until when open portals need them.

use std::sync::atomic::{AtomicI64, Ordering};

use super::UiFiles;
use crate::model::UnixMillis;

/// The page of one version. A portal that was shown it may ask for more of its files when another version serves, so
/// it can outlive the package that it came with; it holds nothing else of that.
#[derive(Debug)]
pub struct Page {
    files: UiFiles,
    digest: String,
    /// Milliseconds since the epoch; 0 as long as nobody was shown it.
    needed_until: AtomicI64,
}

impl Page {
    pub(super) fn new(files: UiFiles, digest: String) -> Self {
        Self {
            files,
            digest,
            needed_until: AtomicI64::new(0),
        }
    }

    /// Its files.
    pub fn files(&self) -> &UiFiles {
        &self.files
    }

    /// The digest of the whole package, which stands in the page's address.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Notes that a session was shown this version and lives until then.
    pub fn is_needed_until(&self, end: UnixMillis) {
        self.needed_until.fetch_max(end.get(), Ordering::Relaxed);
    }

    /// When the last session ends that was shown this version.
    pub fn needed_until(&self) -> UnixMillis {
        UnixMillis::new(self.needed_until.load(Ordering::Relaxed))
    }
}
