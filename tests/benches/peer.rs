//! `wasmtime serve` of the very version that the host is built with, as a peer to measure beside: built once into
//! `target/peer`, with its defaults, and the guest of `guests/probes/peer`.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::it::support::packages;

/// The version of Wasmtime that the host is built with.
const LOCK: &str = include_str!("../../Cargo.lock");
/// What `serve` needs of the program; the rest would only take longer to build.
const FEATURES: &str =
    "serve,run,component-model,component-model-async,pooling-allocator,cranelift,wat,compile";
/// Longest start.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running `wasmtime serve`. It is killed when this is dropped.
pub(crate) struct Peer {
    child: Child,
    /// Host and port.
    pub(crate) address: String,
}

impl Peer {
    /// Builds program and guest where they are missing, starts them and waits until they take connections.
    pub(crate) async fn start() -> Self {
        let (program, guest) = (program(), guest());
        let address = free_address();
        let child = Command::new(program)
            .args(["serve", "-Scli", "--addr", &address])
            .arg(guest)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("wasmtime starts");
        let mut peer = Self { child, address };
        let until = std::time::Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(&peer.address).await.is_err() {
            let ended = peer.child.try_wait().expect("a child's status");
            assert!(ended.is_none(), "wasmtime serve ended: {ended:?}");
            assert!(
                std::time::Instant::now() < until,
                "wasmtime serve is not ready"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        peer
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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

/// An address that is free at the moment.
pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}
