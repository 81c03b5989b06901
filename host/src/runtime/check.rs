//! Looking at a package on its own, as a host would before serving it: for `airlock build` and `airlock inspect`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::anyhow;
use wasmtime::component::Component;

use super::engine::{Engine, EngineSettings};
use super::limits::PAGE;
use super::package::Package;
use super::plugin::contract::{Surface, VERSION};
use super::plugin::{LoadError, Plugin};
use super::turns::Turns;
use super::{Compiler, Limits, RuntimeSettings, host, load};
use crate::model::{Clock as _, SystemClock};

mod ceilings;
mod report;
mod scopes;

pub use ceilings::LimitLine;
pub use report::{Inspection, Subject, SubjectKind, inspect};
pub use scopes::{NeverGiven, ScopeLine, ScopeStatus};

/// Compiles and tries a package. Answers what its author should know though it loads.
pub async fn check_package(package: Package, compiler: &Compiler) -> anyhow::Result<Vec<String>> {
    let settings = RuntimeSettings {
        compiler: compiler.clone(),
        ..RuntimeSettings::default()
    };
    let trial = Trial::of(Arc::new(package), &settings).await?;
    Ok(trial.outcome?)
}

/// What trying to load a component showed.
struct Trial {
    /// What its type says; none if it could not be compiled.
    surface: Option<Surface>,
    /// Bytes of memory that it begins with: all of it if it starts, else the largest memory that it declares.
    memory_bytes: Option<u64>,
    /// What its author should know though it loads, or why it does not.
    outcome: Result<Vec<String>, LoadError>,
}

impl Trial {
    /// Compiles, links and starts a package's component under what the operator set for its app.
    async fn of(package: Arc<Package>, settings: &RuntimeSettings) -> anyhow::Result<Self> {
        let engine = Engine::new(&EngineSettings {
            allocation: settings.allocation,
            max_memory_bytes: settings.max_memory_bytes(),
            concurrent_calls: 1,
        })?;
        let (ceilings, values) = of_app(settings, &package);
        let (limits, _) = ceilings.lowered(&package.manifest().limits);
        let bytes = package.component().clone();
        let component = match load::compiled(&engine, &settings.compiler, bytes, &limits).await {
            Ok(component) => component,
            Err(error) => {
                return Ok(Self {
                    surface: None,
                    memory_bytes: None,
                    outcome: Err(error),
                });
            }
        };
        let linker = host::linker(&engine)
            .map_err(|error| anyhow!("linking the host's functions: {error:#}"))?;
        let surface = Surface::of(&component, engine.wasmtime());
        let plugin = surface.clone().fit(&VERSION).map_err(LoadError::from);
        let plugin = plugin.and_then(|fitting| {
            Plugin::link_fitting(&linker, package, &component, fitting, &ceilings, &values)
        });
        let started = match plugin {
            Ok(plugin) => start(&engine, &plugin).await,
            Err(error) => Err(error),
        };
        let (memory_bytes, outcome) = match started {
            Ok((memory_bytes, warnings)) => (Some(memory_bytes), Ok(warnings)),
            Err(error) => (declared_memory(&component), Err(error)),
        };
        Ok(Self {
            surface: Some(surface),
            memory_bytes,
            outcome,
        })
    }
}

/// Starts it once. Answers the bytes of memory that it begins with, and what its author should know.
async fn start(engine: &Engine, plugin: &Plugin) -> Result<(u64, Vec<String>), LoadError> {
    let now = SystemClock::new().now();
    let memory_bytes = plugin.try_start(engine, &Turns::new(1), now).await?;
    Ok((memory_bytes as u64, plugin.warnings().to_vec()))
}

/// Bytes of the largest memory that a component declares.
fn declared_memory(component: &Component) -> Option<u64> {
    let pages = component.resources_required()?.max_initial_memory_size?;
    Some(pages.saturating_mul(PAGE))
}

/// The operator's ceilings and settings for the app of a package.
fn of_app(settings: &RuntimeSettings, package: &Package) -> (Limits, BTreeMap<String, String>) {
    match settings.apps.get(package.slug()) {
        Some(app) => (app.limits.clone(), app.settings.clone()),
        None => (settings.limits.clone(), BTreeMap::new()),
    }
}

#[cfg(test)]
mod tests;
