//! `wasmtime serve` of the very version that the host is built with, as a peer to measure beside: built once into
//! `target/peer`, with its defaults, and the guest of `guests/probes/peer`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::it::support::packages;
use crate::server::Server;

/// The version of Wasmtime that the host is built with.
const LOCK: &str = include_str!("../../Cargo.lock");
/// What `serve` needs of the program; the rest would only take longer to build.
const FEATURES: &str =
    "serve,run,component-model,component-model-async,pooling-allocator,cranelift,wat,compile";

/// Starts it, after program and guest were built where they are missing.
pub(crate) async fn start() -> Server {
    let (program, guest) = (program(), guest());
    Server::start(|address| {
        let mut serve = Command::new(program);
        serve
            .args(["serve", "-Scli", "--addr", address])
            .arg(guest)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        serve
    })
    .await
}

/// The version after `name = "wasmtime"` in the lock file.
pub(crate) fn version() -> &'static str {
    let after = LOCK.split("name = \"wasmtime\"\nversion = \"").nth(1);
    let version = after.and_then(|rest| rest.split('"').next());
    version.expect("Cargo.lock has wasmtime")
}

fn target() -> PathBuf {
    packages::root().join("target")
}

fn program() -> PathBuf {
    let place = target().join("peer");
    let program = place.join("bin/wasmtime");
    if !is_of_our_version(&program) {
        println!(
            "Building wasmtime-cli {} into {}: once, about five minutes",
            version(),
            place.display()
        );
        let mut install = cargo();
        install
            .args([
                "install",
                "wasmtime-cli",
                "--locked",
                "--no-default-features",
            ])
            .args(["--version", version(), "--features", FEATURES, "--force"])
            .arg("--root")
            .arg(&place)
            .env("CARGO_TARGET_DIR", target().join("peer-build"));
        run(install, "cargo install wasmtime-cli");
        assert!(
            is_of_our_version(&program),
            "{} is not wasmtime {}; try: rm -r {}",
            program.display(),
            version(),
            place.display()
        );
    }
    program
}

fn is_of_our_version(program: &Path) -> bool {
    let said = Command::new(program).arg("--version").output();
    said.is_ok_and(|said| {
        String::from_utf8_lossy(&said.stdout)
            .split_whitespace()
            .nth(1)
            == Some(version())
    })
}

fn guest() -> PathBuf {
    let place = target().join("peer-guest");
    let mut build = cargo();
    build
        .args(["build", "--quiet", "--release", "--target", "wasm32-wasip2"])
        .args(["--package", "peer", "--target-dir"])
        .arg(&place);
    run(build, "building guests/probes/peer");
    place.join("wasm32-wasip2/release/peer.wasm")
}

/// Without what cargo tells a bench, which would make a nested build build everything again.
fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    packages::clear(
        &mut cargo,
        &["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_ENCODED_"],
    );
    cargo.current_dir(packages::root());
    cargo
}

fn run(mut command: Command, what: &str) {
    let status = command.status().expect("cargo starts");
    assert!(status.success(), "{what}: {status}");
}
