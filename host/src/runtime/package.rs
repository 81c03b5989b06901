//! A package as one snapshot: `app.toml`, `app.wasm` and `ui/`, read into memory together.
//!
//! The host serves only what was read here, so a page and its component are never of two versions, and a file that is
//! changed, swapped for a link or cut short afterwards harms nothing.
//!
//! **Digest.** SHA-256 over the text `airlock-package-2` and a zero byte, then for each file in byte order of its name
//! (`app.toml`, `app.wasm`, `ui/…`): the length of the name as 8 bytes, big-endian, the name, and the SHA-256 of the
//! content, so that the component is hashed once for this and for the cache of its code.

use std::fmt::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::manifest::{MAX_MANIFEST_BYTES, Manifest, ManifestError};
use crate::model::{InvalidId, Slug};

mod files;
mod page;
mod remains;
mod ui;

pub use page::Page;
pub(crate) use remains::{Remains, read_component};
pub(crate) use ui::{MAX_PAGE_BYTES, MAX_PAGE_DEPTH, MAX_PAGE_ENTRIES};
pub use ui::{UiFile, UiFiles};

/// Largest component in bytes. Python's are about 18 MiB, JavaScript's about 12.
pub const MAX_COMPONENT_BYTES: u64 = 64 * 1024 * 1024;

/// Why a folder is not a package. Names files relative to it.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The folder's name is the app's slug.
    #[error(
        "the folder's name {0}; it is the app's slug: lower-case letters, digits and single hyphens, at most 32"
    )]
    Slug(InvalidId),
    /// A file that every package has.
    #[error("{file} is missing; {hint}")]
    Missing {
        /// Which.
        file: &'static str,
        /// What to try.
        hint: &'static str,
    },
    /// A link, a device, a pipe, or a folder in a file's place.
    #[error("{0} is not a regular file; packages hold files and folders, no links")]
    NotRegular(String),
    /// A folder where a link or a file stands.
    #[error("{0} is not a folder; packages hold files and folders, no links")]
    NotFolder(String),
    /// Larger than it may be.
    #[error("{file} is larger than {max_bytes} bytes")]
    TooLarge {
        /// What.
        file: String,
        /// The limit.
        max_bytes: u64,
    },
    /// Changed while it was read.
    #[error(
        "{0} changed while it was read; copy the package beside plugins/ and rename it into place"
    )]
    Changed(String),
    /// Too many files or folders within folders.
    #[error("ui/ has more than {0}")]
    TooMany(&'static str),
    /// A name that can not stand in an address.
    #[error(
        "ui/ has a file with an unsuitable name, {0:?}; use letters, digits and - _ . ~ @ + ( ) , = ! $ &"
    )]
    Name(String),
    /// Not UTF-8.
    #[error("app.toml is not UTF-8 text")]
    NotText,
    /// What `app.toml` says.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The operating system refused.
    #[error("{file} can't be read: {error}")]
    Io {
        /// What.
        file: String,
        /// Why.
        error: std::io::Error,
    },
}

/// One version of an app.
#[derive(Debug)]
pub struct Package {
    slug: Slug,
    manifest: Arc<Manifest>,
    component: ComponentFile,
    page: Arc<Page>,
}

/// An `app.wasm`.
#[derive(Clone, Default)]
pub(super) struct ComponentFile {
    pub(super) bytes: Bytes,
    /// SHA-256 of the bytes.
    pub(super) digest: [u8; 32],
}

impl fmt::Debug for ComponentFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ComponentFile({} bytes)", self.bytes.len())
    }
}

impl ComponentFile {
    fn new(bytes: Bytes) -> Self {
        let digest = Sha256::digest(&bytes).into();
        Self { bytes, digest }
    }
}

impl Package {
    /// Reads the package in a folder, whose name is the slug. Blocks: call it on a blocking thread.
    pub fn read(folder: &Path) -> Result<Self, PackageError> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let slug = Slug::parse(name).map_err(PackageError::Slug)?;
        let root = files::open_folder(folder, ".")?;
        let manifest_text = files::read_file(&root, "app.toml", "app.toml", MAX_MANIFEST_BYTES)?
            .ok_or(PackageError::Missing {
                file: "app.toml",
                hint: "every package says there what it is",
            })?;
        let text = std::str::from_utf8(&manifest_text).map_err(|_| PackageError::NotText)?;
        let manifest = Manifest::parse(text)?;
        let component = files::read_file(&root, "app.wasm", "app.wasm", MAX_COMPONENT_BYTES)?
            .ok_or(PackageError::Missing {
                file: "app.wasm",
                hint: "build the app; try: airlock build",
            })?;
        let ui = UiFiles::read(&root)?;
        if ui.find("index.html").is_none() {
            return Err(PackageError::Missing {
                file: "ui/index.html",
                hint: "it is the page that a person opens",
            });
        }
        let component = ComponentFile::new(component.into());
        let digest = digest(&manifest_text, &component, &ui);
        Ok(Self {
            slug,
            manifest: Arc::new(manifest),
            component,
            page: Arc::new(Page::new(ui, digest)),
        })
    }

    /// The folder's name.
    pub fn slug(&self) -> &Slug {
        &self.slug
    }

    /// What the package says about itself.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// The bytes of `app.wasm`, unless they were taken out.
    pub fn component(&self) -> &Bytes {
        &self.component.bytes
    }

    /// Takes `app.wasm` out: once it is compiled, nobody needs its bytes, and they may be many.
    pub(super) fn take_component(&mut self) -> ComponentFile {
        std::mem::take(&mut self.component)
    }

    /// Its page.
    pub fn page(&self) -> &Arc<Page> {
        &self.page
    }

    /// The files of the page.
    pub fn ui(&self) -> &UiFiles {
        self.page.files()
    }

    /// SHA-256 over all of it, as lower-case hex.
    pub fn digest(&self) -> &str {
        self.page.digest()
    }
}

fn digest(manifest: &[u8], component: &ComponentFile, ui: &UiFiles) -> String {
    let mut hash = Sha256::new();
    hash.update(b"airlock-package-2\0");
    let mut add = |name: &str, digest: &[u8]| {
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name.as_bytes());
        hash.update(digest);
    };
    add("app.toml", &Sha256::digest(manifest));
    add("app.wasm", &component.digest);
    for (path, file) in ui.iter() {
        add(&format!("ui/{path}"), &Sha256::digest(&file.bytes));
    }
    hash.finalize()
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests;
