//! Checking a package on its own, as a host would before serving it.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::anyhow;

use super::engine::{Engine, EngineSettings};
use super::package::Package;
use super::plugin::Plugin;
use super::turns::Turns;
use super::{Compiler, Limits, host, load};
use crate::model::{Clock as _, SystemClock};

/// Compiles and tries a package. Answers what its author should know though it loads.
pub async fn check_package(package: Package, compiler: &Compiler) -> anyhow::Result<Vec<String>> {
    let engine = Engine::new(&EngineSettings::default())?;
    let linker = host::linker(&engine)
        .map_err(|error| anyhow!("linking the host's functions: {error:#}"))?;
    let limits = Limits::default();
    let component = load::compiled(&engine, compiler, package.component().clone(), &limits).await?;
    let plugin = Plugin::link(
        &engine,
        &linker,
        Arc::new(package),
        &component,
        &limits,
        &BTreeMap::new(),
    )?;
    plugin
        .try_start(&engine, &Turns::new(1), SystemClock::new().now())
        .await?;
    Ok(plugin.warnings().to_vec())
}
