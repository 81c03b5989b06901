//! From a package to a plugin: compiled off the request path or out of the cache, checked, and started once.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tracing::{debug, info, warn};
use wasmtime::component::Component;

use super::cache::{CodeKey, CompiledCache};
use super::code::{CompiledCode, EngineSettingsHash};
use super::compiler::Compiler;
use super::refusal::Reason;
use super::scan::ScanLimits;
use crate::model::Slug;
use crate::runtime::engine::Engine;
use crate::runtime::package::{ComponentFile, Package};
use crate::runtime::plugin::{LoadError, Plugin, quote};
use crate::runtime::{Inner, Limits};

const PANICKED: &str = "it panicked; the log has the place";

/// Where a component's code came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Cache,
    Compiled,
}

impl Origin {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Compiled => "compiled",
        }
    }
}

/// Code for an engine, and how much of it there is.
struct Ready {
    component: Component,
    origin: Origin,
    code_bytes: usize,
}

/// How long a look waits for the compiler where the cache has no code.
#[derive(Debug, Clone)]
pub(in crate::runtime) enum Patience {
    /// Until it is its turn.
    Waits,
    /// Until it is its turn, if one of these places is free; else it does not wait.
    InPlace(Arc<Semaphore>),
    /// Not at all.
    None,
}

/// Loads, checks and starts a package's component once. None where it must be compiled and nobody waits for that.
pub(super) async fn plugin(
    runtime: &Arc<Inner>,
    package: Arc<Package>,
    component: ComponentFile,
    limits: &Limits,
    patience: Patience,
) -> Result<Option<Arc<Plugin>>, Reason> {
    let slug = package.slug().clone();
    let begun = Instant::now();
    let bytes = component.bytes.len();
    let Some(ready) = ready(runtime, &package, component, limits, patience).await? else {
        return Ok(None);
    };
    let (origin, code_bytes) = (ready.origin, ready.code_bytes);
    let linked = {
        let (runtime, limits) = (Arc::clone(runtime), limits.clone());
        tokio::task::spawn_blocking(move || {
            let app = runtime.settings.apps.get(package.slug());
            let settings = app.map(|app| app.settings.clone()).unwrap_or_default();
            let (engine, linker) = (&runtime.engine, &runtime.linker);
            Plugin::link(
                engine,
                linker,
                package,
                &ready.component,
                &limits,
                &settings,
            )
        })
        .await
    };
    let Ok(linked) = linked else {
        let reason = format!("app.wasm can't be linked: {PANICKED}");
        return Err(Reason::lasting(&reason));
    };
    let plugin = Arc::new(linked?);
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
        Ok(result) => drop(result?),
        Err(_) => return Err(LoadError::Start(PANICKED.to_owned()).into()),
    }
    info!(
        app = %slug,
        app.version = %plugin.package().manifest().version,
        bytes,
        code_bytes,
        origin = origin.as_str(),
        duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "Loaded {slug} in {:.1} s",
        begun.elapsed().as_secs_f32()
    );
    for warning in plugin.warnings() {
        warn!(app = %slug, "{slug}: {warning}");
    }
    Ok(Some(plugin))
}

/// Compiles a component on its own, without any cache.
pub(in crate::runtime) async fn compiled(
    engine: &Engine,
    compiler: &Compiler,
    component: Bytes,
    limits: &Limits,
) -> Result<Component, LoadError> {
    let code = compiler
        .compile(engine, component, scan_limits(limits))
        .await?;
    let engine = engine.clone();
    off_path(move || code.component(&engine).map_err(|error| invalid(&error))).await
}

fn scan_limits(limits: &Limits) -> ScanLimits {
    ScanLimits {
        memory_bytes: limits.memory_bytes as u64,
    }
}

fn invalid(error: &wasmtime::Error) -> LoadError {
    LoadError::Invalid(quote(error))
}

/// Runs work that blocks where no request waits for it.
async fn off_path<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(LoadError::Compiler(PANICKED.to_owned())))
}

/// The component out of the cache, else compiled and put there.
async fn ready(
    runtime: &Arc<Inner>,
    package: &Package,
    component: ComponentFile,
    limits: &Limits,
    patience: Patience,
) -> Result<Option<Ready>, LoadError> {
    let (limits, _) = limits.lowered(&package.manifest().limits);
    let slug = package.slug().clone();
    let settings = EngineSettingsHash::of(&runtime.engine);
    let key = CodeKey::new(component.digest, settings);
    if let Some(ready) = cached(runtime, &slug, key).await {
        return Ok(Some(ready));
    }
    let _place = match patience {
        Patience::Waits => None,
        Patience::InPlace(places) => match places.try_acquire_owned() {
            Ok(place) => Some(place),
            Err(_) => return Ok(None),
        },
        Patience::None => return Ok(None),
    };
    // One compilation at a time: each uses every core and much memory.
    let _turn = runtime.compiling.lock().await;
    // Another package of the same component may have been compiled meanwhile.
    if let Some(ready) = cached(runtime, &slug, key).await {
        return Ok(Some(ready));
    }
    let component = component.bytes;
    info!(app = %slug, bytes = component.len(), "Compiling {slug}…");
    let compiler = &runtime.settings.compiler;
    let code = compiler.compile(&runtime.engine, component, scan_limits(&limits));
    let code = code.await?;
    let runtime = Arc::clone(runtime);
    off_path(move || {
        let component = code
            .component(&runtime.engine)
            .map_err(|error| invalid(&error))?;
        if let Some(cache) = &runtime.cache {
            cache.put(&slug, &key, &code);
        }
        Ok(Some(Ready {
            component,
            origin: Origin::Compiled,
            code_bytes: code.bytes().len(),
        }))
    })
    .await
}

/// The component out of the cache, if its code is there and loads.
async fn cached(runtime: &Arc<Inner>, slug: &Slug, key: CodeKey) -> Option<Ready> {
    runtime.cache.as_ref()?;
    let (runtime, slug) = (Arc::clone(runtime), slug.clone());
    let find = move || {
        let cache = runtime.cache.as_ref()?;
        let code = cache.find(&slug, &key)?;
        load(&runtime.engine, cache, &slug, &key, &code)
    };
    tokio::task::spawn_blocking(find).await.ok().flatten()
}

fn load(
    engine: &Engine,
    cache: &CompiledCache,
    slug: &Slug,
    key: &CodeKey,
    code: &CompiledCode,
) -> Option<Ready> {
    match code.component(engine) {
        Ok(component) => Some(Ready {
            component,
            origin: Origin::Cache,
            code_bytes: code.bytes().len(),
        }),
        Err(error) => {
            debug!(app = %slug, "Compiled code does not load: {error:#}");
            cache.forget(slug, key);
            None
        }
    }
}
