//! The tools that building an app needs.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use crate::cli::output;

const TARGET: &str = "wasm32-wasip2";

/// Adds the WebAssembly target to the compiler, if it is missing.
pub(super) async fn ensure_wasm_target() -> anyhow::Result<()> {
    let listed = Command::new("rustup")
        .args(["target", "list", "--installed"])
        .output()
        .await;
    let Ok(listed) = listed else {
        output::text(
            "rustup is not here, so the compiler is taken as it is; it must know wasm32-wasip2",
        );
        return Ok(());
    };
    if String::from_utf8_lossy(&listed.stdout)
        .lines()
        .any(|line| line.trim() == TARGET)
    {
        return Ok(());
    }
    output::text("Downloading the WebAssembly target for Rust (about 20 MB)");
    let status = Command::new("rustup")
        .args(["target", "add", TARGET])
        .stdin(Stdio::null())
        .status()
        .await
        .context("running rustup")?;
    ensure!(
        status.success(),
        "rustup could not add {TARGET}; try: rustup target add {TARGET}"
    );
    Ok(())
}
