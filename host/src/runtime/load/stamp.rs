//! What a folder's files look like from outside: names, sizes, times. Two equal stamps mean that nothing was changed, so
//! that nothing need be read.

use std::collections::hash_map::DefaultHasher;
use std::fs::Metadata;
use std::hash::{Hash as _, Hasher as _};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Most names in all folders together that are looked at, whatever they are. A page may have 2,000; one with more is refused
/// when it is read, and what changes in it is seen once it has fewer.
const MAX_ENTRIES: usize = 8_000;
/// Deepest folder within folders, as deep as a page may be and one more.
const MAX_DEPTH: usize = 18;

/// What a folder looked like. Equal stamps: unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

/// Looks at the named parts of a folder, files or folders of any depth, but not at names that start with a dot or stand in
/// `left_out`. Each folder is told to `found` before it is
/// listed, the outermost first, so that a watch on it misses nothing. None where there is no folder: nothing, or a plain
/// file. Blocks.
pub(crate) fn stamp<'a>(
    root: &Path,
    parts: impl IntoIterator<Item = &'a str>,
    left_out: &'a [&'a str],
    found: impl FnMut(&Path),
) -> Option<Stamp> {
    let mut look = Look {
        hash: DefaultHasher::new(),
        entries_left: MAX_ENTRIES,
        left_out,
        found,
    };
    match std::fs::symlink_metadata(root) {
        Ok(metadata) if metadata.is_file() => return None,
        Ok(metadata) => {
            look.note("", &metadata);
            if metadata.is_dir() {
                (look.found)(root);
                for part in parts {
                    look.path(&root.join(part), part, 0);
                }
            }
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return None;
        }
        // Something is there, and whoever reads it will be told what is wrong.
        Err(error) => error.kind().hash(&mut look.hash),
    }
    Some(Stamp(look.hash.finish()))
}

impl Stamp {
    /// Of what could not be looked at: as good as never equal to another.
    pub(super) fn unknown() -> Self {
        Self(0)
    }
}

struct Look<'a, F> {
    hash: DefaultHasher,
    entries_left: usize,
    left_out: &'a [&'a str],
    found: F,
}

impl<F: FnMut(&Path)> Look<'_, F> {
    fn path(&mut self, path: &Path, name: &str, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match std::fs::symlink_metadata(path) {
            Ok(metadata) => {
                self.note(name, &metadata);
                if metadata.is_dir() {
                    self.folder(path, depth);
                }
            }
            Err(error) => (name, error.kind()).hash(&mut self.hash),
        }
    }

    fn folder(&mut self, path: &Path, depth: usize) {
        (self.found)(path);
        match self.names(path) {
            Ok(Some(names)) => {
                for name in names {
                    self.path(&path.join(&name), &name, depth + 1);
                }
                "end of folder".hash(&mut self.hash);
            }
            Ok(None) => "more than is looked at".hash(&mut self.hash),
            Err(error) => error.kind().hash(&mut self.hash),
        }
    }

    /// The names in a folder that count, in their order: a file system lists in any. None if there are more than may still
    /// be looked at; then the folder is not read on.
    fn names(&mut self, path: &Path) -> std::io::Result<Option<Vec<String>>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if self.entries_left == 0 {
                return Ok(None);
            }
            // Also for a name that does not count: it had to be read.
            self.entries_left -= 1;
            if !name.starts_with('.') && !self.left_out.contains(&&*name) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(Some(names))
    }

    /// What tells a file from another, or from itself before it was written to. A folder's own times are left out: its
    /// entries speak for it.
    fn note(&mut self, name: &str, metadata: &Metadata) {
        (name, metadata.dev(), metadata.ino(), metadata.mode()).hash(&mut self.hash);
        if !metadata.is_dir() {
            let changed = (metadata.ctime(), metadata.ctime_nsec());
            let written = (metadata.mtime(), metadata.mtime_nsec());
            (metadata.len(), written, changed).hash(&mut self.hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn of(root: &Path) -> Option<Stamp> {
        stamp(root, ["app.toml", "ui"], &["target"], |_| ())
    }

    #[test]
    fn every_way_to_change_a_file_changes_the_stamp_and_looking_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("ui/js")).unwrap();
        fs::write(root.join("app.toml"), "one").unwrap();
        fs::write(root.join("ui/js/a.js"), "one").unwrap();
        fs::write(root.join("other"), "").unwrap();
        let mut last = of(root);
        assert_eq!(last, of(root));
        // Times of files are kept to the tick of the kernel's clock, some milliseconds.
        let changed = |what: &str, last: Option<Stamp>, change: &dyn Fn()| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            change();
            let now = of(root);
            assert_ne!(now, last, "{what}");
            now
        };
        let page = root.join("ui/js/a.js");
        last = changed("content of the same length", last, &|| {
            fs::write(&page, "two").unwrap();
        });
        last = changed("another mode", last, &|| {
            fs::set_permissions(&page, fs::Permissions::from_mode(0o600)).unwrap();
        });
        last = changed("a rename over it", last, &|| {
            fs::write(root.join("beside"), "two").unwrap();
            fs::rename(root.join("beside"), &page).unwrap();
        });
        last = changed("a new name", last, &|| {
            fs::rename(&page, root.join("ui/js/b.js")).unwrap();
        });
        last = changed("a link", last, &|| {
            symlink("b.js", root.join("ui/c.js")).unwrap();
        });
        last = changed("a part that is gone", last, &|| {
            fs::remove_file(root.join("app.toml")).unwrap();
        });
        fs::write(root.join("other"), "not a part").unwrap();
        fs::write(root.join("ui/.swap"), "no part of a page").unwrap();
        fs::write(root.join("ui/target"), "left out").unwrap();
        assert_eq!(of(root), last);
    }

    #[test]
    fn h44_a_folder_of_more_names_than_are_looked_at_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("ui/sub")).unwrap();
        fs::write(root.join("app.toml"), "one").unwrap();
        for number in 0..MAX_ENTRIES {
            fs::write(root.join(format!("ui/.{number}")), "").unwrap();
        }
        let folders = || {
            let mut told = 0;
            let stamp = stamp(root, ["app.toml", "ui"], &[], |_| told += 1);
            (stamp.unwrap(), told)
        };
        let (many, told) = folders();
        assert_eq!(told, 2, "what is within the page was listed");
        assert_eq!(folders().0, many);
        // The other parts are looked at all the same, and so is the page once it has fewer.
        fs::write(root.join("app.toml"), "changed").unwrap();
        let (changed, _) = folders();
        assert_ne!(changed, many);
        fs::remove_file(root.join("ui/.0")).unwrap();
        let (fewer, told) = folders();
        assert_ne!(fewer, changed);
        assert_eq!(told, 3);
    }

    #[test]
    fn folders_are_told_before_what_is_in_them_and_a_file_is_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("ui/js/deep")).unwrap();
        fs::write(root.join("app.toml"), "").unwrap();
        symlink("/", root.join("ui/root")).unwrap();
        let mut told = Vec::new();
        stamp(root, ["app.toml", "ui"], &["target"], |path| {
            told.push(path.to_owned());
        })
        .unwrap();
        let expected = ["", "ui", "ui/js", "ui/js/deep"].map(|name| root.join(name));
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(
            told.iter()
                .zip(&expected)
                .all(|(one, other)| one.components().eq(other.components()))
        );
        assert_eq!(of(&root.join("app.toml")), None);
        assert_eq!(of(&root.join("nothing")), None);
    }
}
