//! Tests of reading a package: what is refused, and that the digest covers everything.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::*;

struct Folder {
    _keep: tempfile::TempDir,
    path: PathBuf,
}

impl Folder {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let path = keep.path().join("kyc");
        let folder = Self { _keep: keep, path };
        folder.write("app.toml", "name = \"A\"\nversion = \"1.0.0\"");
        folder.write("app.wasm", "wasm");
        folder.write("ui/index.html", "<p>");
        folder
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.path.join(name)).unwrap();
    }

    fn error(&self) -> String {
        Package::read(&self.path).unwrap_err().to_string()
    }

    fn digest(&self) -> String {
        Package::read(&self.path).unwrap().digest().to_owned()
    }
}

#[test]
fn a_package_is_read_whole() {
    let folder = Folder::new();
    folder.write("ui/js/app.js", "1");
    folder.write("ui/.DS_Store", "x");
    let package = Package::read(&folder.path).unwrap();
    assert_eq!(package.slug().as_str(), "kyc");
    assert_eq!(&package.component()[..], b"wasm");
    assert_eq!(
        package
            .ui()
            .iter()
            .map(|(path, _)| path)
            .collect::<Vec<_>>(),
        ["index.html", "js/app.js"]
    );
    assert_eq!(&package.ui().find("js/app.js").unwrap().bytes[..], b"1");
    for path in [
        "",
        "/index.html",
        "js",
        "js/",
        "../app.toml",
        "js/../index.html",
        "INDEX.html",
    ] {
        assert!(package.ui().find(path).is_none(), "{path}");
    }
}

#[test]
fn the_digest_is_that_of_the_documented_framing() {
    let folder = Folder::new();
    let mut input = b"airlock-package-2\0".to_vec();
    for (name, content) in [
        ("app.toml", "name = \"A\"\nversion = \"1.0.0\""),
        ("app.wasm", "wasm"),
        ("ui/index.html", "<p>"),
    ] {
        input.extend((name.len() as u64).to_be_bytes());
        input.extend(name.as_bytes());
        input.extend(Sha256::digest(content.as_bytes()));
    }
    let expected = Sha256::digest(&input)
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    assert_eq!(folder.digest(), expected);
}

#[test]
fn the_digest_changes_with_any_file_and_any_name() {
    let folder = Folder::new();
    let mut seen = std::collections::BTreeSet::from([folder.digest()]);
    for (name, content) in [
        ("app.toml", "name = \"B\"\nversion = \"1.0.0\""),
        ("app.wasm", "wasn"),
        ("ui/index.html", "<b>"),
        ("ui/a", "1"),
        ("ui/b", ""),
    ] {
        folder.write(name, content);
        assert!(seen.insert(folder.digest()), "{name} did not matter");
    }
    std::fs::rename(folder.path.join("ui/a"), folder.path.join("ui/c")).unwrap();
    assert!(seen.insert(folder.digest()), "a file's name did not matter");
}

#[test]
fn what_is_missing_is_named_with_what_to_try() {
    for (name, expected) in [
        (
            "app.toml",
            "app.toml is missing; every package says there what it is",
        ),
        (
            "app.wasm",
            "app.wasm is missing; build the app; try: airlock build",
        ),
        (
            "ui/index.html",
            "ui/index.html is missing; it is the page that a person opens",
        ),
    ] {
        let folder = Folder::new();
        folder.remove(name);
        assert_eq!(folder.error(), expected);
    }
}

#[test]
fn h44_links_and_pipes_are_refused_wherever_they_stand() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    for name in ["app.toml", "app.wasm", "ui/index.html", "ui/other.txt"] {
        let folder = Folder::new();
        let path = folder.path.join(name);
        let _ = std::fs::remove_file(&path);
        symlink(outside.path(), &path).unwrap();
        assert!(
            folder.error().contains("is not a regular file"),
            "{name}: {}",
            folder.error()
        );
    }
    let folder = Folder::new();
    symlink("/etc", folder.path.join("ui/etc")).unwrap();
    assert!(
        folder.error().contains("ui/etc is not a"),
        "{}",
        folder.error()
    );

    let folder = Folder::new();
    std::fs::remove_dir_all(folder.path.join("ui")).unwrap();
    symlink("/etc", folder.path.join("ui")).unwrap();
    assert!(
        folder.error().contains("ui is not a folder"),
        "{}",
        folder.error()
    );

    let folder = Folder::new();
    let linked = folder.path.with_file_name("linked");
    symlink(&folder.path, &linked).unwrap();
    assert!(
        Package::read(&linked)
            .unwrap_err()
            .to_string()
            .contains("is not a folder")
    );

    let folder = Folder::new();
    folder.remove("app.wasm");
    let pipe = folder.path.join("app.wasm");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    assert!(
        folder.error().contains("app.wasm is not a regular file"),
        "{}",
        folder.error()
    );
}

#[test]
fn h11_sizes_are_checked_before_reading() {
    let folder = Folder::new();
    let file = std::fs::File::create(folder.path.join("app.wasm")).unwrap();
    file.set_len(MAX_COMPONENT_BYTES + 1).unwrap();
    assert_eq!(folder.error(), "app.wasm is larger than 67108864 bytes");

    let folder = Folder::new();
    for index in 0..3 {
        let file = std::fs::File::create(folder.path.join(format!("ui/{index}.png"))).unwrap();
        file.set_len(12 * 1024 * 1024).unwrap();
    }
    assert_eq!(folder.error(), "ui/ is larger than 33554432 bytes");

    let folder = Folder::new();
    for index in 0..2_000 {
        folder.write(&format!("ui/{index}"), "");
    }
    assert_eq!(folder.error(), "ui/ has more than 2,000 files and folders");
}

#[test]
fn h44_folders_and_hidden_names_count_as_files_do() {
    for name in ["folder/", ".hidden/"] {
        let folder = Folder::new();
        for index in 0..1_999 {
            let path = folder.path.join(format!("ui/{name}{index}"));
            std::fs::create_dir_all(path).unwrap();
        }
        match name {
            // With the page itself and the folder around them there is one too many.
            "folder/" => assert_eq!(folder.error(), "ui/ has more than 2,000 files and folders"),
            // What is within a hidden folder is never looked at.
            _ => drop(folder.digest()),
        }
    }
    let folder = Folder::new();
    for index in 0..2_000 {
        folder.write(&format!("ui/.{index}"), "");
    }
    assert_eq!(folder.error(), "ui/ has more than 2,000 files and folders");
}

#[test]
fn names_that_can_not_stand_in_an_address_are_refused() {
    for name in ["a b.js", "a%2f.js", "ä.js", "a?.js", "a\\b.js", "a\n.js"] {
        let folder = Folder::new();
        folder.write(&format!("ui/{name}"), "");
        assert!(
            folder.error().contains("unsuitable name"),
            "{name:?}: {}",
            folder.error()
        );
    }
}

#[test]
fn a_folder_that_is_no_slug_is_refused() {
    let folder = Folder::new();
    let wrong = folder.path.with_file_name("Kyc");
    std::fs::rename(&folder.path, &wrong).unwrap();
    assert!(matches!(Package::read(&wrong), Err(PackageError::Slug(_))));
}
