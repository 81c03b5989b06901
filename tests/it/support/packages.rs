//! Packages under test, built once by the real `airlock build` into `target/test-packages`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::SystemTime;

/// One builder at a time in this process; the lock file sees to other processes.
static BUILDING: Mutex<()> = Mutex::new(());

/// The folder of the whole project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the project")
}

/// The folder of build outputs that this test program lies in: `target/debug`.
fn outputs() -> PathBuf {
    let own = std::env::current_exe().expect("the test program's own path");
    own.ancestors()
        .nth(2)
        .expect("target/debug/deps/it")
        .to_owned()
}

/// The real program.
pub(crate) fn airlock() -> PathBuf {
    let path = outputs().join("airlock");
    assert!(
        path.is_file(),
        "{} is missing; try: cargo build -p airlock-host",
        path.display()
    );
    path
}

/// The package of an app of `guests/`, such as `kyc` or `probes/echo`, built if that is needed.
pub(crate) fn package(app: &str) -> PathBuf {
    let source = root().join("guests").join(app);
    let slug = source.file_name().expect("an app's folder").to_owned();
    let plugins = outputs().parent().expect("target/").join("test-packages");
    let _turn = BUILDING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    fs::create_dir_all(&plugins).expect("a folder for packages");
    let lock = fs::File::create(plugins.join(".lock")).expect("a lock file");
    lock.lock().expect("the lock of the packages");
    let package = plugins.join(slug);
    if is_stale(&package, &source) {
        build(&source, &plugins);
    }
    package
}

/// What a package is made of in the app's folder, in any language.
const INPUTS: [&str; 9] = [
    "src",
    "ui",
    "app.toml",
    "Cargo.toml",
    "build.sh",
    "build.mjs",
    "package.json",
    "package-lock.json",
    "requirements.txt",
];

fn is_stale(package: &Path, source: &Path) -> bool {
    let Some(built) = changed(&package.join("app.wasm")) else {
        return true;
    };
    let inputs = INPUTS.map(|name| source.join(name));
    let library = if source.join("Cargo.toml").is_file() {
        "guests/sdk/src"
    } else {
        "host/src/runtime/world.rs"
    };
    let shared = [library, "wit"].map(|name| root().join(name));
    inputs
        .iter()
        .chain(&shared)
        .any(|path| newest(path).is_some_and(|time| time > built))
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// The latest change in a file or a folder.
fn newest(path: &Path) -> Option<SystemTime> {
    let Ok(entries) = fs::read_dir(path) else {
        return changed(path);
    };
    entries
        .flatten()
        .filter_map(|entry| newest(&entry.path()))
        .max()
}

fn build(source: &Path, plugins: &Path) {
    let mut command = Command::new(airlock());
    // What cargo tells a test would reach the nested build and make it build everything again.
    clear(
        &mut command,
        &[
            "AIRLOCK_",
            "SESSION_SECRET",
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_TARGET_",
            "CARGO_BUILD_",
            "CARGO_ENCODED_",
            "RUSTFLAGS",
        ],
    );
    let output = command
        .arg("build")
        .arg(source)
        .arg("--plugins")
        .arg(plugins)
        .current_dir(root());
    let output = output.output().expect("airlock build starts");
    assert!(
        output.status.success(),
        "airlock build {}: {}{}",
        source.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Takes from a program what the environment would tell it under names that begin so.
pub(crate) fn clear(command: &mut Command, beginnings: &[&str]) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the names are taken away from a child"
    )]
    let variables = std::env::vars_os();
    for (name, _) in variables {
        let text = name.to_string_lossy();
        if beginnings
            .iter()
            .any(|beginning| text.starts_with(beginning))
        {
            command.env_remove(&name);
        }
    }
}

/// Copies a package to `plugins/{slug}`.
pub(crate) fn lay(package: &Path, plugins: &Path, slug: &str) {
    copy(package, &plugins.join(slug));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Lays down a package without a component. It can't be served, and so costs nothing to load; its two addresses work.
pub(crate) fn lay_dud(plugins: &Path, slug: &str) {
    let folder = plugins.join(slug);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(
        folder.join("app.toml"),
        "name = \"Dud\"\nversion = \"0.1.0\"\n",
    )
    .expect("a manifest");
}

/// Lays down a package of a component, with what its manifest says beyond its name.
pub(crate) fn lay_component(plugins: &Path, slug: &str, manifest: &str, component: &[u8]) {
    let folder = plugins.join(slug);
    fs::create_dir_all(folder.join("ui")).expect("a folder");
    let named = format!("name = \"{slug}\"\nversion = \"0.1.0\"\n{manifest}");
    fs::write(folder.join("app.toml"), named).expect("a manifest");
    fs::write(folder.join("app.wasm"), component).expect("a component");
    fs::write(folder.join("ui/index.html"), "<p>").expect("a page");
}
