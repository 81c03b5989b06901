//! The files of a page: everything under `ui/`, in memory, with media types from a fixed table.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use bytes::Bytes;
use rustix::fs::{Dir, FileType};

use super::PackageError;
use super::files;

/// Largest sum of all files in bytes.
pub(crate) const MAX_PAGE_BYTES: u64 = 32 * 1024 * 1024;
/// Most files and folders, those among them that are no part of a page.
pub(crate) const MAX_PAGE_ENTRIES: usize = 2_000;
/// Deepest folder within folders.
pub(crate) const MAX_PAGE_DEPTH: usize = 16;
/// Longest path in bytes.
const MAX_PATH: usize = 512;

/// One file of a page.
#[derive(Debug, Clone)]
pub struct UiFile {
    /// Its content.
    pub bytes: Bytes,
    /// Its media type, with `charset=utf-8` where it is text.
    pub media_type: &'static str,
}

/// The files of a page by their path below `ui/`, such as `js/app.js`.
#[derive(Debug, Clone, Default)]
pub struct UiFiles(BTreeMap<String, UiFile>);

impl UiFiles {
    /// The file at a path, spelled exactly so. No path leads out: only names that were read are there.
    pub fn find(&self, path: &str) -> Option<&UiFile> {
        self.0.get(path)
    }

    /// All files, in byte order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &UiFile)> {
        self.0.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The sum of their contents in bytes.
    pub fn bytes(&self) -> usize {
        self.0.values().map(|file| file.bytes.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads `ui/` of a package. Names that start with a dot (`.DS_Store`, `.git`) are no part of a page.
    pub(super) fn read(root: &OwnedFd) -> Result<Self, PackageError> {
        let mut reader = Reader {
            files: BTreeMap::new(),
            bytes_left: MAX_PAGE_BYTES,
            entries_left: MAX_PAGE_ENTRIES,
        };
        if let Some(folder) = files::open_subfolder(root, "ui", "ui")? {
            reader.read_folder(&folder, "", 0)?;
        }
        Ok(Self(reader.files))
    }
}

struct Reader {
    files: BTreeMap<String, UiFile>,
    bytes_left: u64,
    entries_left: usize,
}

impl Reader {
    fn read_folder(
        &mut self,
        folder: &OwnedFd,
        prefix: &str,
        depth: usize,
    ) -> Result<(), PackageError> {
        if depth > MAX_PAGE_DEPTH {
            return Err(PackageError::TooMany("16 folders within one another"));
        }
        let io = |error: rustix::io::Errno| PackageError::Io {
            file: format!("ui/{prefix}"),
            error: error.into(),
        };
        for entry in Dir::read_from(folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name().to_string_lossy();
            if name == "." || name == ".." {
                continue;
            }
            self.entries_left = self
                .entries_left
                .checked_sub(1)
                .ok_or(PackageError::TooMany("2,000 files and folders"))?;
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{prefix}{name}");
            if !name.bytes().all(sound) || path.len() > MAX_PATH {
                return Err(PackageError::Name(path));
            }
            let shown = format!("ui/{path}");
            // The entry's type is a hint only: what is opened is checked by its handle.
            if entry.file_type() == FileType::Directory {
                if let Some(folder) = files::open_subfolder(folder, &name, &shown)? {
                    self.read_folder(&folder, &format!("{path}/"), depth + 1)?;
                }
            } else {
                self.read_file(folder, &name, &shown, path)?;
            }
        }
        Ok(())
    }

    fn read_file(
        &mut self,
        folder: &OwnedFd,
        name: &str,
        shown: &str,
        path: String,
    ) -> Result<(), PackageError> {
        let content = match files::read_file(folder, name, shown, self.bytes_left) {
            Err(PackageError::TooLarge { .. }) => {
                return Err(PackageError::TooLarge {
                    file: "ui/".to_owned(),
                    max_bytes: MAX_PAGE_BYTES,
                });
            }
            Ok(None) => return Err(PackageError::Changed(shown.to_owned())),
            content => content?.unwrap_or_default(),
        };
        self.bytes_left = self.bytes_left.saturating_sub(content.len() as u64);
        let media_type = media_type(&path);
        self.files.insert(
            path,
            UiFile {
                bytes: content.into(),
                media_type,
            },
        );
        Ok(())
    }
}

/// Characters that stand in an address as they are.
fn sound(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~@+(),=!$&".contains(&byte)
}

/// The media type by the ending. Not guessed from content: a browser must never take a picture for a script.
fn media_type(path: &str) -> &'static str {
    let ending = path
        .rsplit_once('.')
        .map_or("", |(_, ending)| ending)
        .to_ascii_lowercase();
    match ending.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml; charset=utf-8",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "ico" => "image/vnd.microsoft.icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_come_from_the_ending_alone() {
        for (path, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("js/app.MJS", "text/javascript; charset=utf-8"),
            ("a.b/c", "application/octet-stream"),
            ("x.php", "application/octet-stream"),
            ("logo.svg", "image/svg+xml; charset=utf-8"),
            ("f.woff2", "font/woff2"),
        ] {
            assert_eq!(media_type(path), expected, "{path}");
        }
    }
}
