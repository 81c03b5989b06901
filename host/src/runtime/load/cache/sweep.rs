//! Keeping the cache small: what no app used for a while goes, and the oldest go first when there is too much.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use tracing::{debug, info};

use super::{CompiledCache, ENDING, UNFINISHED};
use crate::model::{Slug, UnixMillis};
use crate::runtime::limits::MIB;

const HOUR: i64 = 60 * 60;
/// How long code is kept that no present app uses, in seconds: long enough to go back to last week's version.
const KEPT: i64 = 7 * 24 * HOUR;
/// How long a file may take to become whole, in seconds.
const UNFINISHED_KEPT: i64 = HOUR;
/// Bytes of all code that no present app uses.
const UNUSED_BYTES: u64 = 1024 * MIB as u64;

/// Notes on a file that it was used, in its time of change: code itself never changes.
pub(super) fn note_use(file: &File) {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        },
    };
    // It only keeps the file longer.
    let _ = rustix::fs::futimens(file, &times);
}

struct Unused {
    path: PathBuf,
    changed: i64,
    bytes: u64,
}

impl CompiledCache {
    /// Whether something was kept since the last sweep.
    pub(crate) fn has_grown(&self) -> bool {
        self.has_grown.load(Ordering::Relaxed)
    }

    /// Deletes what no present app uses: what is old, and the oldest of what is too much. Only once every package was
    /// looked at: before, nobody uses anything. Blocks.
    pub(crate) fn sweep(&self, now: UnixMillis, is_present: impl Fn(&Slug) -> bool) {
        self.has_grown.store(false, Ordering::Relaxed);
        self.let_go_of_apps(is_present);
        self.sweep_within(UNUSED_BYTES, now);
    }

    /// Forgets which code apps used that are gone.
    fn let_go_of_apps(&self, is_present: impl Fn(&Slug) -> bool) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|slug, _| is_present(slug));
    }

    pub(super) fn sweep_within(&self, most_bytes: u64, now: UnixMillis) {
        let now = now.get() / 1000;
        let mut unused = match self.unused(now) {
            Ok(unused) => unused,
            Err(error) => {
                debug!("The folder of compiled code can't be listed: {error}");
                return;
            }
        };
        unused.sort_by_key(|entry| std::cmp::Reverse(entry.changed));
        let (mut kept_bytes, mut deleted) = (0_u64, 0);
        for entry in unused {
            kept_bytes = kept_bytes.saturating_add(entry.bytes);
            let is_old = now.saturating_sub(entry.changed) > KEPT;
            if (is_old || kept_bytes > most_bytes) && std::fs::remove_file(&entry.path).is_ok() {
                deleted += 1;
            }
        }
        if deleted > 0 {
            info!("Deleted compiled code of {deleted} components that no app uses any more");
        }
    }

    /// Entries that no app of this run uses. Files that were never finished are deleted on the way.
    fn unused(&self, now: i64) -> std::io::Result<Vec<Unused>> {
        let used: BTreeSet<String> = {
            let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.values().cloned().collect()
        };
        let mut unused = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let found = entry.metadata()?;
            let changed = found.mtime();
            if name.starts_with(UNFINISHED) {
                if now.saturating_sub(changed) > UNFINISHED_KEPT {
                    let _ = std::fs::remove_file(entry.path());
                }
            } else if name.ends_with(ENDING) && !used.contains(&name) {
                unused.push(Unused {
                    path: entry.path(),
                    changed,
                    bytes: found.len(),
                });
            }
        }
        Ok(unused)
    }
}
