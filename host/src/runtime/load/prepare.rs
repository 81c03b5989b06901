//! From a package to a plugin: compiled off the request path, checked, and started once.

use std::sync::Arc;
use std::time::Instant;

use tracing::{info, warn};

use crate::runtime::package::Package;
use crate::runtime::plugin::Plugin;
use crate::runtime::{Inner, Limits};

/// Compiles, checks and starts a package's component once.
pub(super) async fn plugin(
    runtime: &Arc<Inner>,
    package: Arc<Package>,
    limits: &Limits,
) -> Result<Arc<Plugin>, String> {
    let slug = package.slug().clone();
    let _one_at_a_time = runtime.compiling.lock().await;
    let begun = Instant::now();
    info!(app = %slug, bytes = package.component().len(), "Compiling {slug}…");
    let compiled = {
        let (runtime, limits) = (Arc::clone(runtime), limits.clone());
        tokio::task::spawn_blocking(move || {
            let settings = runtime
                .settings
                .apps
                .get(package.slug())
                .map(|app| &app.settings);
            let settings = settings.cloned().unwrap_or_default();
            Plugin::compile(
                &runtime.engine,
                &runtime.linker,
                package,
                &limits,
                &settings,
            )
        })
        .await
    };
    let plugin = match compiled {
        Ok(result) => Arc::new(result.map_err(|error| error.to_string())?),
        Err(_) => return Err("compiling app.wasm panicked; the log has the place".to_owned()),
    };
    let started = {
        let (runtime, plugin) = (Arc::clone(runtime), Arc::clone(&plugin));
        let threads = runtime.threads.handle().clone();
        let now = runtime.services.clock.now();
        threads
            .spawn(async move {
                plugin
                    .try_start(&runtime.engine, runtime.threads.turns(), now)
                    .await
            })
            .await
    };
    match started {
        Ok(result) => result.map_err(|error| error.to_string())?,
        Err(_) => return Err("starting app.wasm panicked; the log has the place".to_owned()),
    }
    info!(
        app = %slug,
        app.version = %plugin.package().manifest().version,
        duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "Loaded {slug} in {:.1} s",
        begun.elapsed().as_secs_f32()
    );
    for warning in plugin.warnings() {
        warn!(app = %slug, "{slug}: {warning}");
    }
    Ok(plugin)
}
