//! The cache of compiled code: files that only this host could have written, each for one component and one engine.
//!
//! Compiled code is run, so a file is worth only its MAC. A file is read whole, once; the MAC is verified over the bytes
//! that are then loaded; and on any doubt (short, another owner, another header, a wrong MAC, code that does not load) the
//! file is deleted, told once, and the component compiled anew. Nothing in the cache is worth keeping.
//!
//! **A file.** `airlock-cwasm-2\n`, id of the master key (u32, big endian), SHA-256 of the component, hash of the engine's
//! settings (version of Wasmtime and target among them), version of the scan (u32, big endian), length of the code (u64, big endian), HMAC-SHA-256 over all of
//! these and the code, the code. Files are written beside and renamed, never changed in place. The MAC's key is derived from
//! a master key; after a rotation components are compiled anew once the older key is gone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{Mode, OFlags};
use tracing::{debug, warn};

use super::code::{CompiledCode, EngineSettingsHash, hex};
use super::scan::SCAN_VERSION;
use crate::model::Slug;
use crate::runtime::limits::MIB;
use crate::secret::{Keyring, random_name};

mod sweep;

const MAGIC: &[u8; 16] = b"airlock-cwasm-2\n";
const MAC_BYTES: usize = 32;
/// Everything before the MAC.
const HEADER_BYTES: usize = MAGIC.len() + 4 + 32 + 32 + 4 + 8;
/// Largest file: the largest code that a compiler may give, with its header.
const MAX_FILE_BYTES: u64 = 257 * MIB as u64;
/// How the names of entries end.
const ENDING: &str = ".code";
/// How the names of files begin that are not whole yet.
const UNFINISHED: &str = ".unfinished-";

/// Where compiled code is kept, and the keys under which.
#[derive(Debug, Clone)]
pub struct CacheSettings {
    /// The folder, which is made if it is not there. It belongs to the cache alone.
    pub folder: PathBuf,
    /// The master keys.
    pub keyring: Arc<Keyring>,
}

/// Which code: of one component, for engines of these settings, that has passed the scan of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodeKey {
    component: [u8; 32],
    settings: EngineSettingsHash,
    scan: u32,
}

impl CodeKey {
    /// Of the `app.wasm` with this SHA-256.
    pub(super) fn new(component: [u8; 32], settings: EngineSettingsHash) -> Self {
        Self {
            component,
            settings,
            scan: SCAN_VERSION,
        }
    }

    fn file_name(&self) -> String {
        // The whole hash stands in the header; half of it tells engines apart.
        let settings = hex(self.settings.bytes().split_at(16).0);
        format!("{}-{settings}-{}{ENDING}", hex(&self.component), self.scan)
    }
}

/// The cache.
pub(crate) struct CompiledCache {
    folder: PathBuf,
    keyring: Arc<Keyring>,
    /// The file of each app's latest version.
    used: Mutex<BTreeMap<Slug, String>>,
    /// Whether a file came in since the last sweep.
    has_grown: AtomicBool,
}

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
enum Doubt {
    #[error("{0}")]
    Is(&'static str),
    #[error("it can't be read: {0}")]
    Io(#[from] std::io::Error),
}

impl CompiledCache {
    /// Makes the folder, if it is not there and can be made. A cache that does not work costs time and nothing else: what
    /// goes wrong is a warning.
    pub(crate) fn open(settings: CacheSettings) -> Self {
        let cache = Self {
            folder: settings.folder,
            keyring: settings.keyring,
            used: Mutex::default(),
            has_grown: AtomicBool::new(false),
        };
        if let Err(error) = cache.prepare_folder() {
            cache.warn_of_folder(&error);
        }
        cache
    }

    fn warn_of_folder(&self, error: &std::io::Error) {
        warn!(
            folder = %self.folder.display(),
            "Compiled code can't be kept in {}, so components are compiled at each start: {error}; \
             try: make the folder writable for this user and for nobody else",
            self.folder.display()
        );
    }

    /// A folder of this user alone.
    fn prepare_folder(&self) -> std::io::Result<()> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let found = std::fs::symlink_metadata(&self.folder)?;
        if !found.is_dir() {
            return Err(std::io::Error::other("it is a link, not a folder"));
        }
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(std::io::Error::other("it belongs to another user"));
        }
        if found.mode() & 0o077 != 0 {
            let own = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(&self.folder, own)?;
        }
        rustix::fs::access(&self.folder, rustix::fs::Access::WRITE_OK)?;
        Ok(())
    }

    /// The code of that key, if it is here and beyond doubt. A file in doubt is deleted. Blocks.
    pub(super) fn find(&self, slug: &Slug, key: &CodeKey) -> Option<CompiledCode> {
        let name = key.file_name();
        self.note_used(slug, &name);
        let path = self.folder.join(&name);
        match self.read(&path, key) {
            Ok(code) => code,
            Err(doubt) => {
                distrust(slug, &path, &doubt);
                None
            }
        }
    }

    /// Deletes the file of a key whose code did not load, though it is what was written.
    pub(super) fn forget(&self, slug: &Slug, key: &CodeKey) {
        let path = self.folder.join(key.file_name());
        distrust(slug, &path, &Doubt::Is("its code does not load"));
    }

    fn note_used(&self, slug: &Slug, name: &str) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(slug.clone(), name.to_owned());
    }

    fn read(&self, path: &Path, key: &CodeKey) -> Result<Option<CompiledCode>, Doubt> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(Doubt::Is("it is a link")),
            Err(error) => return Err(Doubt::Io(error.into())),
        };
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(Doubt::Is("it is not a regular file"));
        }
        if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o077 != 0 {
            return Err(Doubt::Is("others may write or read it"));
        }
        if found.len() > MAX_FILE_BYTES {
            return Err(Doubt::Is("it is larger than any code"));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0));
        (&file).take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
        let code = self.verified(bytes, key)?;
        sweep::note_use(&file);
        Ok(Some(code))
    }

    /// The code in a file's bytes, if all of them are as this host wrote them.
    fn verified(&self, bytes: Vec<u8>, key: &CodeKey) -> Result<CompiledCode, Doubt> {
        const SHORT: Doubt = Doubt::Is("it is too short");
        let (header, rest) = bytes.split_at_checked(HEADER_BYTES).ok_or(SHORT)?;
        let (mac, code) = rest.split_first_chunk::<MAC_BYTES>().ok_or(SHORT)?;
        let id = header
            .get(MAGIC.len()..)
            .and_then(|rest| rest.first_chunk::<4>())
            .ok_or(SHORT)?;
        let id = u32::from_be_bytes(*id);
        if header != self::header(id, key, code.len()) {
            return Err(Doubt::Is("its header is another one"));
        }
        if !self.keyring.matches_code(id, &[header, code], mac) {
            return Err(Doubt::Is(
                "its MAC is not this host's, or the master key is gone",
            ));
        }
        Ok(CompiledCode::verified(bytes, HEADER_BYTES + MAC_BYTES))
    }

    /// Keeps code, written whole or not at all. What goes wrong is a warning. Blocks.
    pub(super) fn put(&self, slug: &Slug, key: &CodeKey, code: &CompiledCode) {
        let name = key.file_name();
        self.note_used(slug, &name);
        // A process of the same number may have left one behind: in a container every host has the same.
        let unfinished = format!("{UNFINISHED}{}", random_name());
        let (from, to) = (self.folder.join(unfinished), self.folder.join(name));
        let written = self
            .prepare_folder()
            .and_then(|()| self.write(&from, key, code))
            .and_then(|()| std::fs::rename(&from, &to));
        if let Err(error) = written {
            let _ = std::fs::remove_file(&from);
            self.warn_of_folder(&error);
        }
        self.has_grown.store(true, Ordering::Relaxed);
    }

    fn write(&self, path: &Path, key: &CodeKey, code: &CompiledCode) -> std::io::Result<()> {
        let id = self.keyring.newest_id();
        let header = header(id, key, code.bytes().len());
        let mac = self.keyring.code_mac(id, &[&header, code.bytes()]);
        let mac =
            mac.ok_or_else(|| std::io::Error::other("the master keys were just exchanged"))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?);
        file.write_all(&header)?;
        file.write_all(&mac)?;
        file.write_all(code.bytes())?;
        file.sync_data()
    }
}

/// Tells of a file in doubt, and deletes it.
fn distrust(slug: &Slug, path: &Path, doubt: &Doubt) {
    warn!(
        app = %slug,
        file = %path.display(),
        "Compiled code of {slug} is not used, and compiled anew: {doubt}"
    );
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        _ => std::fs::remove_file(path),
    };
    if let Err(error) = removed {
        debug!(file = %path.display(), "It could not be deleted: {error}");
    }
}

/// Everything before the MAC.
fn header(id: u32, key: &CodeKey, code_bytes: usize) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&id.to_be_bytes());
    header.extend_from_slice(&key.component);
    header.extend_from_slice(key.settings.bytes());
    header.extend_from_slice(&key.scan.to_be_bytes());
    header.extend_from_slice(&(code_bytes as u64).to_be_bytes());
    header
}

#[cfg(test)]
mod tests;
