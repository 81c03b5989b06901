//! What can still be read of a folder that is no whole package, and of a component that lies alone.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::{
    ComponentFile, MAX_COMPONENT_BYTES, MAX_MANIFEST_BYTES, Manifest, Package, PackageError, Page,
    UiFiles, files,
};
use crate::model::Slug;

/// The parts of a folder that are there.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    /// The text of `app.toml`.
    pub(crate) manifest: Option<String>,
    /// The bytes of `app.wasm`.
    pub(crate) component: Option<Bytes>,
}

impl Remains {
    /// Reads what is there, each part on its own. Blocks.
    pub(crate) fn read(folder: &Path) -> Self {
        let Ok(root) = files::open_folder(folder, ".") else {
            return Self::default();
        };
        let part = |name: &str, max_bytes| files::read_file(&root, name, name, max_bytes);
        let manifest = part("app.toml", MAX_MANIFEST_BYTES).ok().flatten();
        let component = part("app.wasm", MAX_COMPONENT_BYTES).ok().flatten();
        Self {
            manifest: manifest.and_then(|bytes| String::from_utf8(bytes).ok()),
            component: component.map(Bytes::from),
        }
    }
}

/// Reads a component that is no part of a package. Blocks. Its path may be a link: it is only looked at.
pub(crate) fn read_component(path: &Path) -> Result<Bytes, PackageError> {
    let file = path.display().to_string();
    let io = |error| PackageError::Io {
        file: file.clone(),
        error,
    };
    // Looked at first: opening a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(PackageError::NotRegular(file));
    }
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).map_err(io)?;
    let mut bounded = opened.take(MAX_COMPONENT_BYTES + 1);
    bounded.read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > MAX_COMPONENT_BYTES {
        return Err(PackageError::TooLarge {
            file,
            max_bytes: MAX_COMPONENT_BYTES,
        });
    }
    Ok(bytes.into())
}

impl Package {
    /// A component as a package that asks for nothing and shows nothing, to try whether it could be served.
    pub(crate) fn of_component(slug: Slug, component: Bytes) -> Self {
        let manifest = Manifest {
            version: "0.0.0".to_owned(),
            ..Manifest::default()
        };
        Self {
            slug,
            manifest: Arc::new(manifest),
            component: ComponentFile::new(component),
            page: Arc::new(Page::new(UiFiles::default(), String::new())),
        }
    }
}
