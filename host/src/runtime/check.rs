//! Checking a package on its own, as a host would before serving it.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use super::engine::{Engine, EngineSettings};
use super::package::Package;
use super::plugin::Plugin;
use super::turns::Turns;
use super::{Limits, host};
use crate::model::{Clock as _, SystemClock};

/// Compiles and tries a package. Answers what its author should know though it loads.
pub async fn check_package(package: Package) -> anyhow::Result<Vec<String>> {
    let engine = Engine::new(&EngineSettings::default())?;
    let linker = host::linker(&engine)
        .map_err(|error| anyhow!("linking the host's functions: {error:#}"))?;
    let plugin = {
        let (engine, package) = (engine.clone(), Arc::new(package));
        let compile = move || {
            Plugin::compile(
                &engine,
                &linker,
                package,
                &Limits::default(),
                &BTreeMap::new(),
            )
        };
        tokio::task::spawn_blocking(compile)
            .await
            .context("compiling app.wasm")??
    };
    plugin
        .try_start(&engine, &Turns::new(1), SystemClock::new().now())
        .await?;
    Ok(plugin.warnings().to_vec())
}
