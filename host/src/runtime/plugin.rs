//! One version of an app, ready to serve: compiled, checked against the contract, linked, and tried.
//!
//! A [`Plugin`] exists only if all of that went well. What can't be served is refused here, with a reason for the
//! app's author, and never in the middle of a request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wasmtime::PoolConcurrencyLimitError;
use wasmtime::component::{Component, InstancePre, Linker};

use super::engine::Engine;
use super::guest_log::{GuestLog, escaped};
use super::host::bindings::exports::blnk::app::{lifecycle, portal};
use super::host::{CallShape, CallState};
use super::limits::{Limits, MAX_TABLE_ELEMENTS};
use super::load::scan::ScanError;
use super::meter::{CallMeter, metered};
use super::package::Package;
use super::quarantine::Quarantine;
use super::turns::Turns;
use crate::model::{Permission, UnixMillis};

pub mod contract;

use contract::{ContractError, Fitting, Surface};

/// Longest sentence of Wasmtime's that is shown, in bytes. It may quote names out of the component.
const MAX_QUOTE: usize = 600;

/// Why a component can't be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Not a component at all.
    #[error("app.wasm is {found}; {hint}")]
    NotAComponent {
        /// What it looks like.
        found: &'static str,
        /// What to try.
        hint: &'static str,
    },
    /// Too much of something, by what its binary declares.
    #[error("app.wasm {0}")]
    Scan(#[from] ScanError),
    /// Not valid, or uses what this host does not run.
    #[error("app.wasm is not a component that this host runs: {0}")]
    Invalid(String),
    /// Does not fit the contract.
    #[error("app.wasm {0}")]
    Contract(#[from] ContractError),
    /// Its functions have other types than the contract says.
    #[error(
        "app.wasm does not fit the contract: {0}; build the app with the contract that comes with this host"
    )]
    Link(String),
    /// Begins with more memory or tables than it may have.
    #[error("app.wasm begins with {0}")]
    TooLarge(String),
    /// Refused by the child that compiles, in a whole sentence.
    #[error("{0}")]
    Refused(String),
    /// Compiling it broke a limit, or the compiler.
    #[error("app.wasm can't be compiled: {0}")]
    Compile(String),
    /// Compiling it was ended from outside, or took too long on the clock: with more room it may go well.
    #[error("app.wasm can't be compiled: {0}")]
    Interrupted(String),
    /// No fault of the component: the compiler could not do its work.
    #[error("the compiler failed: {0}")]
    Compiler(String),
    /// Failed while it was started, before any call.
    #[error("app.wasm can't be started: {0}")]
    Start(String),
    /// No fault of the component: there was no room or no time to start it.
    #[error("app.wasm can't be started: {0}")]
    NotNow(String),
}

/// One version of an app, ready to serve.
pub struct Plugin {
    package: Arc<Package>,
    limits: Limits,
    settings: Arc<BTreeMap<String, String>>,
    requested: BTreeSet<Permission>,
    surface: Surface,
    instance_pre: InstancePre<CallState>,
    portal: portal::GuestIndices,
    lifecycle: Option<lifecycle::GuestIndices>,
    warnings: Vec<String>,
    /// How many of the host's permits one call takes.
    host_permits: u32,
    /// Of this version alone, so that the next one begins with a clean slate.
    quarantine: Arc<Quarantine>,
}

impl Plugin {
    /// Checks a package's compiled component and links it. What it answers has not been started yet.
    pub(crate) fn link(
        engine: &Engine,
        linker: &Linker<CallState>,
        package: Arc<Package>,
        component: &Component,
        ceilings: &Limits,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self, LoadError> {
        let fitting = Surface::of(component, engine.wasmtime()).fit(&contract::VERSION)?;
        let plugin = Self::link_fitting(linker, package, component, fitting, ceilings, settings)?;
        Ok(Self {
            host_permits: engine.permits_for(component),
            ..plugin
        })
    }

    /// Links a component that fits the contract of `linker`.
    pub(crate) fn link_fitting(
        linker: &Linker<CallState>,
        package: Arc<Package>,
        component: &Component,
        fitting: Fitting,
        ceilings: &Limits,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self, LoadError> {
        let surface = fitting.into_surface();
        let (limits, mut warnings) = ceilings.lowered(&package.manifest().limits);
        check_size(component, &limits)?;
        let instance_pre = linker
            .instantiate_pre(component)
            .map_err(|error| LoadError::Link(quote(&error)))?;
        let portal = portal::GuestIndices::new(&instance_pre)
            .map_err(|error| LoadError::Link(quote(&error)))?;
        let exports_lifecycle = surface
            .exports
            .iter()
            .any(|name| name.starts_with("blnk:app/lifecycle@"));
        let lifecycle = exports_lifecycle
            .then(|| lifecycle::GuestIndices::new(&instance_pre))
            .transpose()
            .map_err(|error| LoadError::Link(quote(&error)))?;
        let requested = package.manifest().requested();
        warnings.extend(surplus_imports(&surface, &requested));
        let (settings, unknown) = merged(&package.manifest().settings, settings);
        warnings.extend(unknown);
        Ok(Self {
            limits,
            settings: Arc::new(settings),
            requested,
            surface,
            instance_pre,
            portal,
            lifecycle,
            warnings,
            package,
            host_permits: 1,
            quarantine: Arc::default(),
        })
    }

    /// Instantiates it once, as every call will, under the limits of a portal call but for nobody: a start function that
    /// loops, traps or takes too much memory is found now, and so is an export of another type. Answers the memory that it
    /// begins with, in bytes.
    pub(crate) async fn try_start(
        &self,
        engine: &Engine,
        turns: &Arc<Turns>,
        now: UnixMillis,
    ) -> Result<usize, LoadError> {
        let meter = Arc::new(CallMeter::default());
        let limits = &self.limits;
        let log = GuestLog::new(
            self.package.slug().clone(),
            None,
            "load".to_owned(),
            limits.log_bytes,
            limits.log_line_bytes,
            Arc::default(),
        );
        let shape = CallShape {
            meter: Arc::clone(&meter),
            memory_bytes: limits.memory_bytes,
            cpu: limits.portal.cpu,
            log,
            now,
        };
        let (state, outputs) = CallState::new(shape, None);
        let _place = engine.trial().await;
        let mut store = engine.store(state);
        // It takes turns like a call of the app: a start that loops keeps nobody waiting.
        let place = turns.place(self.package.slug().clone(), None);
        let start = metered(&meter, place, async {
            let instance = self.instance_pre.instantiate_async(&mut store).await?;
            self.portal.load(&mut store, &instance)?;
            if let Some(lifecycle) = &self.lifecycle {
                lifecycle.load(&mut store, &instance)?;
            }
            wasmtime::Result::Ok(())
        });
        let started: Result<wasmtime::Result<()>, _> =
            tokio::time::timeout(limits.portal.wall, start).await;
        outputs
            .iter()
            .for_each(super::guest_log::GuestOutput::finish);
        match started {
            Ok(Ok(())) => Ok(meter.peak_memory_bytes()),
            Ok(Err(_)) if meter.memory_was_refused() => Err(LoadError::Start(format!(
                "it needs more than its {} MiB of memory before the first call",
                limits.memory_bytes / super::limits::MIB
            ))),
            Ok(Err(error)) if error.is::<PoolConcurrencyLimitError>() => {
                Err(LoadError::NotNow(quote(&error)))
            }
            Ok(Err(error)) => Err(LoadError::Start(quote(&error))),
            Err(_) => Err(LoadError::NotNow(format!(
                "it took longer than {:?}",
                limits.portal.wall
            ))),
        }
    }

    /// The package that it was made of.
    pub fn package(&self) -> &Arc<Package> {
        &self.package
    }

    /// The limits in force: the operator's, lowered by the package.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The scopes that the package asks for.
    pub fn requested(&self) -> &BTreeSet<Permission> {
        &self.requested
    }

    /// What the component's type says about it.
    pub fn surface(&self) -> &Surface {
        &self.surface
    }

    /// What the operator should know, though it loads.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(crate) fn host_permits(&self) -> u32 {
        self.host_permits
    }

    pub(crate) fn quarantine(&self) -> &Arc<Quarantine> {
        &self.quarantine
    }

    pub(crate) fn settings(&self) -> &Arc<BTreeMap<String, String>> {
        &self.settings
    }

    pub(crate) fn instance_pre(&self) -> &InstancePre<CallState> {
        &self.instance_pre
    }

    pub(crate) fn portal(&self) -> &portal::GuestIndices {
        &self.portal
    }

    pub(crate) fn lifecycle(&self) -> Option<&lifecycle::GuestIndices> {
        self.lifecycle.as_ref()
    }
}

/// Refuses what is known not to be a component, with what helps.
pub(super) fn check_magic(bytes: &[u8]) -> Result<(), LoadError> {
    let refused = |found, hint| Err(LoadError::NotAComponent { found, hint });
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => refused(
            "a core module, not a component",
            "Rust: build with --target wasm32-wasip2; other languages: make a component of it, for example with \
             wasm-tools component new",
        ),
        [0, b'a', b's', b'm', ..] => refused(
            "WebAssembly of another version",
            "build it with a toolchain of this year",
        ),
        [0x7f, b'E', b'L', b'F', ..] => refused(
            "compiled code (a .cwasm or another native file)",
            "drop in the component itself: the host compiles it, and runs nobody else's machine code",
        ),
        [] => refused("empty", "build the app again"),
        _ if bytes.trim_ascii_start().first() == Some(&b'(') => refused(
            "WebAssembly text",
            "turn it into a binary, for example with wasm-tools parse",
        ),
        _ => refused(
            "not WebAssembly",
            "drop in the component that the build made",
        ),
    }
}

/// Refuses, by what the component declares, what could never be started.
fn check_size(component: &Component, limits: &Limits) -> Result<(), LoadError> {
    let Some(needs) = component.resources_required() else {
        return Err(LoadError::Invalid(
            "it instantiates modules that it imports".to_owned(),
        ));
    };
    let memory_bytes = needs
        .max_initial_memory_size
        .unwrap_or(0)
        .saturating_mul(super::limits::PAGE);
    if memory_bytes > limits.memory_bytes as u64 {
        return Err(LoadError::TooLarge(format!(
            "a memory of {} MiB; this app may have {} MiB",
            memory_bytes.div_ceil(super::limits::MIB as u64),
            limits.memory_bytes / super::limits::MIB
        )));
    }
    let elements = needs.max_initial_table_size.unwrap_or(0);
    if elements > MAX_TABLE_ELEMENTS as u64 {
        return Err(LoadError::TooLarge(format!(
            "a table of {elements} elements; an app may have {MAX_TABLE_ELEMENTS}"
        )));
    }
    Ok(())
}

/// Imports whose scope the package does not ask for: they load, and answer `not-requested`.
fn surplus_imports(surface: &Surface, requested: &BTreeSet<Permission>) -> Option<String> {
    let surplus: Vec<_> = surface
        .scopes
        .difference(requested)
        .map(|scope| scope.as_str())
        .collect();
    (!surplus.is_empty()).then(|| {
        format!(
            "the component can use {}, which [permissions] does not ask for: such calls answer not-requested",
            surplus.join(", ")
        )
    })
}

/// The package's defaults with the operator's values over them, and a sentence for each value that has no default: a
/// misspelt name must not be silent.
fn merged(
    defaults: &BTreeMap<String, String>,
    operator: &BTreeMap<String, String>,
) -> (BTreeMap<String, String>, Vec<String>) {
    let mut settings = defaults.clone();
    let mut unknown = Vec::new();
    for (name, value) in operator {
        match settings.get_mut(name) {
            Some(setting) => setting.clone_from(value),
            None => unknown.push(format!(
                "the operator sets \"{}\", which [settings] of the package does not have",
                name.escape_debug()
            )),
        }
    }
    (settings, unknown)
}

/// An error's chain on one bounded line: it may quote names out of the component.
pub(super) fn quote(error: &wasmtime::Error) -> String {
    quote_lines(&error.chain().map(ToString::to_string).collect::<Vec<_>>())
}

/// Sentences on one bounded line.
pub(super) fn quote_lines(sentences: &[String]) -> String {
    escaped(&sentences.join(": "), MAX_QUOTE)
}

#[cfg(test)]
mod tests;
