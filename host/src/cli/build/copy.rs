//! Copying what a package is made of out of an app's own folder: plain files and folders, as many and as large as a package
//! may have. What a host would refuse is refused before it is copied.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::runtime::package::{MAX_PAGE_BYTES, MAX_PAGE_DEPTH, MAX_PAGE_ENTRIES};

/// Copies one file, which is no link. Answers its bytes.
pub(in crate::cli) fn file(from: &Path, to: &Path, max_bytes: u64) -> anyhow::Result<u64> {
    let found = std::fs::symlink_metadata(from);
    let found = found.with_context(|| format!("reading {}", from.display()))?;
    ensure!(
        found.is_file(),
        "{} is not a plain file; a package may hold nothing else",
        from.display()
    );
    let copy = || -> std::io::Result<u64> {
        // It may have grown by now.
        let mut bounded = File::open(from)?.take(max_bytes.saturating_add(1));
        std::io::copy(&mut bounded, &mut File::create(to)?)
    };
    let bytes = copy().with_context(|| format!("copying {}", from.display()))?;
    ensure!(
        bytes <= max_bytes,
        "{} is larger than the {max_bytes} bytes that are left for it in a package",
        from.display()
    );
    Ok(bytes)
}

/// Copies the files and folders of a page; anything else among them is refused. Names that start with a dot are no part of
/// a page.
pub(in crate::cli) fn page(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut copying = Copying {
        bytes_left: MAX_PAGE_BYTES,
        entries_left: MAX_PAGE_ENTRIES,
    };
    copying.folder(from, to, 0)
}

struct Copying {
    bytes_left: u64,
    entries_left: usize,
}

impl Copying {
    fn folder(&mut self, from: &Path, to: &Path, depth: usize) -> anyhow::Result<()> {
        ensure!(
            depth <= MAX_PAGE_DEPTH,
            "{} lies too deep: a page may have {MAX_PAGE_DEPTH} folders within one another",
            from.display()
        );
        std::fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
        let entries = std::fs::read_dir(from);
        for entry in entries.with_context(|| format!("reading {}", from.display()))? {
            let entry = entry?;
            ensure!(
                self.entries_left > 0,
                "the page has more than {MAX_PAGE_ENTRIES} files and folders; the last one seen is {}",
                entry.path().display()
            );
            self.entries_left -= 1;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            if entry.file_type()?.is_dir() {
                self.folder(&from, &to, depth + 1)?;
            } else {
                self.bytes_left -= file(&from, &to, self.bytes_left)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn error(lay: impl FnOnce(&Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let ui = folder.path().join("ui");
        fs::create_dir(&ui).unwrap();
        lay(&ui);
        let copied = page(&ui, &folder.path().join("to"));
        copied.unwrap_err().to_string()
    }

    #[test]
    fn h44_a_page_is_copied_within_the_limits_of_a_package_and_no_link_is_followed() {
        let text = error(|ui| symlink("/etc/passwd", ui.join("a")).unwrap());
        assert!(text.contains("is not a plain file"), "{text}");
        let text = error(|ui| symlink("/etc", ui.join("a")).unwrap());
        assert!(text.contains("is not a plain file"), "{text}");
        let text = error(|ui| {
            for name in ["a", "b", "c"] {
                let file = File::create(ui.join(name)).unwrap();
                file.set_len(MAX_PAGE_BYTES / 2 - 1).unwrap();
            }
        });
        assert!(text.contains("larger than the 2 bytes"), "{text}");
        let text = error(|ui| {
            for number in 0..=MAX_PAGE_ENTRIES {
                fs::write(ui.join(number.to_string()), "").unwrap();
            }
        });
        assert!(text.contains("more than 2000 files and folders"), "{text}");
        let text = error(|ui| fs::create_dir_all(ui.join(["a"; 18].join("/"))).unwrap());
        assert!(text.contains("lies too deep"), "{text}");
    }

    #[test]
    fn a_page_is_copied_whole_but_for_names_that_start_with_a_dot() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("ui"), folder.path().join("to"));
        fs::create_dir_all(from.join("js")).unwrap();
        fs::create_dir_all(from.join(".git")).unwrap();
        fs::write(from.join("index.html"), "<p>").unwrap();
        fs::write(from.join("js/a.js"), "1").unwrap();
        fs::write(from.join(".git/head"), "x").unwrap();
        page(&from, &to).unwrap();
        assert_eq!(fs::read(to.join("index.html")).unwrap(), b"<p>");
        assert_eq!(fs::read(to.join("js/a.js")).unwrap(), b"1");
        assert!(!to.join(".git").exists());
    }
}
