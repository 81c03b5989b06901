//! What an app is built from, by its content: a file that is saved without a change builds nothing.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::runtime::{Manifest, Notices, Stamp, stamp};

/// The folder of the page, which is copied and not compiled.
const PAGE: &str = "ui";
/// What builds leave: it is large, and changes all the time.
const LEFT_OUT: [&str; 2] = ["target", "node_modules"];
/// Content of larger files is not read: their length and time speak for them.
const MAX_READ: u64 = 8 * 1024 * 1024;
/// Deepest folder within folders.
const MAX_DEPTH: usize = 18;

/// What an app was built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inputs {
    /// Everything that may change the component: what is watched but the page, and `app.toml`.
    pub(super) sources: u128,
    /// The page.
    pub(super) page: u128,
}

/// The paths that count: `app.toml` and `[build] watch`. The default where `app.toml` can't be read.
fn parts(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("app.toml")).unwrap_or_default();
    let build = Manifest::parse(&text).ok().and_then(|app| app.build);
    let watch = build.map_or_else(|| vec!["src".to_owned(), PAGE.to_owned()], |b| b.watch);
    [vec!["app.toml".to_owned()], watch].concat()
}

/// How it looks from outside, watched from now on under this key.
pub(super) fn watched(folder: &Path, notices: &Notices<usize>, key: usize) -> Option<Stamp> {
    let parts = parts(folder);
    let mut watched = Vec::new();
    let stamp = stamp(
        folder,
        parts.iter().map(String::as_str),
        &LEFT_OUT,
        |folder| {
            watched.extend(notices.watch(folder, &key));
        },
    );
    notices.keep_only(&key, &watched);
    stamp
}

impl Inputs {
    /// Reads them.
    pub(super) fn read(folder: &Path) -> Self {
        let (mut sources, mut page) = (Sha256::new(), Sha256::new());
        for part in parts(folder) {
            let is_page = Path::new(&part).starts_with(PAGE);
            let hash = if is_page { &mut page } else { &mut sources };
            add(hash, &folder.join(&part), 0);
        }
        // The page is part of the package, whether it is watched or not.
        add(&mut page, &folder.join(PAGE), 0);
        Self {
            sources: half(sources),
            page: half(page),
        }
    }
}

/// Half of a digest, which is enough to tell one content from another.
fn half(hash: Sha256) -> u128 {
    let digest: [u8; 32] = hash.finalize().into();
    let bytes = digest.first_chunk().copied();
    bytes.map(u128::from_be_bytes).unwrap_or_default()
}

fn add(hash: &mut Sha256, path: &Path, depth: usize) {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return;
    };
    hash.update(path.as_os_str().as_encoded_bytes());
    if metadata.is_dir() && depth < MAX_DEPTH {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut entries: Vec<_> = entries.filter(counts).collect();
        entries.sort_unstable_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            add(hash, &entry.path(), depth + 1);
        }
    } else if metadata.is_file() {
        hash.update(metadata.len().to_be_bytes());
        if metadata.len() <= MAX_READ {
            hash.update(std::fs::read(path).unwrap_or_default());
        } else {
            hash.update(format!("{:?}", metadata.modified().ok()));
        }
    }
}

fn counts(entry: &std::fs::DirEntry) -> bool {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    !name.starts_with('.') && !LEFT_OUT.contains(&&*name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_page_a_source_and_a_mere_save_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let manifest = "name = \"A\"\nversion = \"1.0.0\"\n[build]\ncommand = \"true\"\noutput = \"a\"\nwatch = [\"lib\", \"ui\"]\n";
        fs::write(root.join("app.toml"), manifest).unwrap();
        for name in ["lib", "ui", "src", "lib/target"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        for name in ["lib/a.rs", "ui/a.js", "src/a.rs", "lib/target/a"] {
            fs::write(root.join(name), "one").unwrap();
        }
        let first = Inputs::read(root);
        for unwatched in ["src/a.rs", "lib/target/a", "lib/.a.swp", "ui/.a.swp"] {
            fs::write(root.join(unwatched), "two").unwrap();
        }
        fs::write(root.join("lib/a.rs"), "one").unwrap();
        assert_eq!(Inputs::read(root), first);
        fs::write(root.join("ui/a.js"), "two").unwrap();
        let second = Inputs::read(root);
        assert_eq!(second.sources, first.sources);
        assert_ne!(second.page, first.page);
        for source in ["lib/a.rs", "app.toml"] {
            let before = Inputs::read(root);
            let text = fs::read_to_string(root.join(source)).unwrap();
            fs::write(root.join(source), format!("{text}\n")).unwrap();
            let after = Inputs::read(root);
            assert_ne!(after.sources, before.sources, "{source}");
            assert_eq!(after.page, before.page, "{source}");
        }
    }
}
