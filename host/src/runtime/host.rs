//! The host's side of the contract: what each import of a guest does.
//!
//! This module decides nothing. A file per interface turns the guest's words into calls of lower floors and their
//! answers into the contract's words; rights are fixed in [`CallState`] before guest code runs, and what a guest says
//! can't widen them.
//!
//! **To add an interface**, do these five things: write it in `wit/app.wit` and import it in the world `imports`; add a
//! file here with a view that borrows what the interface needs, and `impl` the generated `Host` for it; add the view to
//! [`linker`]; name the scope it needs, if any, in `plugin::contract`; test the view without Wasm at the file's bottom.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::ResourceLimiter;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{WasiCtxView, WasiView};

use super::engine::{Engine, Stop};
use super::guest_log::{GuestLog, GuestOutput, Level};
use super::limits::{MAX_HOST_CALLS, MAX_RANDOM_BYTES, MAX_RESOURCES, StoreLimiter};
use super::meter::CallMeter;
use crate::cloud::permit::Scope;
use crate::cloud::{InstanceCloud, Permitted};
use crate::install::{GuestStore, Tenant};
use crate::model::{Grants, UnixMillis};

mod alerts;
mod connections;
mod context;
mod convert;
mod data;
#[cfg(test)]
mod fail_point;
mod jobs;
mod ledger;
mod log;
mod store;
mod wasi;

use wasi::CallWasi;
pub(crate) use wasi::INTERFACES as WASI_INTERFACES;

#[cfg(test)]
pub(crate) use fail_point::FailPoint;

#[cfg(test)]
mod tests;

/// Generated from `wit/`: the types of the contract, the traits of its imports, the callers of its exports.
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "custom-app",
        imports: { default: async | trappable },
        exports: { default: async },
        trappable_error_type: {
            "blnk:app/cloud-types.cloud-error" => crate::runtime::host::convert::CloudFailure,
            "blnk:app/store.store-error" => crate::runtime::host::convert::StoreFailure,
        },
    });
}

/// All that one store holds: the call's limits and, except while an app is loaded, whom the call serves.
pub(crate) struct CallState {
    meter: Arc<CallMeter>,
    limiter: StoreLimiter,
    cpu_budget: Duration,
    wasi: CallWasi,
    resources: ResourceTable,
    log: GuestLog,
    binding: Option<Binding>,
}

/// Whom a call serves, and with which rights. Chosen by the host before guest code runs.
pub(crate) struct Binding {
    /// The install.
    pub(crate) tenant: Tenant,
    /// Granted and requested, side by side.
    pub(crate) grants: Grants,
    /// The app's settings: the operator's over the package's defaults.
    pub(crate) settings: Arc<BTreeMap<String, String>>,
    /// Names the call in the host's records.
    pub(crate) call_id: String,
    /// The time, the same all through the call.
    pub(crate) now: UnixMillis,
    /// Cloud, bound to this install.
    pub(crate) cloud: InstanceCloud,
    /// The install's own records.
    pub(crate) store: GuestStore,
    /// Where tests make host functions panic.
    #[cfg(test)]
    pub(crate) fail_point: Arc<FailPoint>,
}

/// The parts of a call's state that its limits decide.
pub(crate) struct CallShape {
    /// Where the call's use is counted.
    pub(crate) meter: Arc<CallMeter>,
    /// Bytes of all linear memories.
    pub(crate) memory_bytes: usize,
    /// CPU time.
    pub(crate) cpu: Duration,
    /// Where the guest's words go.
    pub(crate) log: GuestLog,
    /// The guest's wall clock, which stands still during the call.
    pub(crate) now: UnixMillis,
}

impl CallState {
    /// The state of one call; without a binding every import of the contract traps. Also answers the guest's two
    /// outputs, whose unfinished lines the caller logs at the end.
    pub(crate) fn new(shape: CallShape, binding: Option<Binding>) -> (Self, [GuestOutput; 2]) {
        let stdout = GuestOutput::new(shape.log.clone(), Level::Info);
        let stderr = GuestOutput::new(shape.log.clone(), Level::Warn);
        let wasi = CallWasi::new(stdout.clone(), stderr.clone(), shape.now);
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(MAX_RESOURCES);
        let state = Self {
            limiter: StoreLimiter::new(Arc::clone(&shape.meter), shape.memory_bytes),
            meter: shape.meter,
            cpu_budget: shape.cpu,
            wasi,
            resources,
            log: shape.log,
            binding,
        };
        (state, [stdout, stderr])
    }

    pub(crate) fn cpu_budget(&self) -> Duration {
        self.cpu_budget
    }

    pub(crate) fn meter(&self) -> &Arc<CallMeter> {
        &self.meter
    }

    pub(crate) fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.limiter
    }

    /// This or the whole context is borrowed once per call into WASI, which is counted by it; too many are stopped at the
    /// next tick.
    fn table(&mut self) -> &mut ResourceTable {
        self.meter.count_host_call();
        &mut self.resources
    }

    fn gate(&self) -> Gate<'_> {
        Gate {
            meter: &self.meter,
            binding: self.binding.as_ref(),
        }
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.meter.count_host_call();
        WasiCtxView {
            ctx: self.wasi.get(),
            table: &mut self.resources,
        }
    }
}

/// What every view goes through first: the call is counted, and there is someone to serve.
#[derive(Clone, Copy)]
struct Gate<'a> {
    meter: &'a CallMeter,
    binding: Option<&'a Binding>,
}

/// A guest called the host while it was being loaded.
#[derive(Debug, thiserror::Error)]
#[error(
    "the app calls {0} while it is being loaded, before there is an install to serve; call it from an export"
)]
struct NobodyToServe(&'static str);

impl<'a> Gate<'a> {
    /// Counts one call and its time. Fails, and so traps the guest, past the limit and while an app is being loaded.
    fn enter(&self, interface: &'static str) -> wasmtime::Result<Entered<'a>> {
        if self.meter.count_host_call() > MAX_HOST_CALLS {
            return Err(Stop::HostCalls.into());
        }
        match self.binding {
            Some(binding) => {
                #[cfg(test)]
                binding.fail_point.reach(interface);
                Ok(Entered {
                    binding,
                    meter: self.meter,
                    begun: Instant::now(),
                })
            }
            None => Err(NobodyToServe(interface).into()),
        }
    }

    /// As [`Gate::enter`], for a call to Cloud that needs a scope.
    fn permit<P: Scope>(
        &self,
        interface: &'static str,
    ) -> Result<Allowed<'a, P>, convert::CloudFailure> {
        let entered = self.enter(interface)?;
        let permitted = entered.cloud.permit()?;
        Ok(Allowed {
            permitted,
            _entered: entered,
        })
    }
}

/// A call into the host that is under way, and whom it serves. Its time is counted when it is dropped.
struct Entered<'a> {
    binding: &'a Binding,
    meter: &'a CallMeter,
    begun: Instant,
}

impl Deref for Entered<'_> {
    type Target = Binding;

    fn deref(&self) -> &Binding {
        self.binding
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.meter.add_host_time(self.begun.elapsed());
    }
}

/// A call into the host that may call Cloud.
struct Allowed<'a, P> {
    permitted: Permitted<P>,
    _entered: Entered<'a>,
}

impl<P> Deref for Allowed<'_, P> {
    type Target = Permitted<P>;

    fn deref(&self) -> &Permitted<P> {
        &self.permitted
    }
}

/// Links every interface of the contract, and of WASI those that [`wasi`] names.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    use bindings::blnk::app;

    let mut linker = Linker::new(engine.wasmtime());
    let l = &mut linker;
    app::context::add_to_linker::<_, context::View<'static>>(l, |state: &mut CallState| {
        context::View(state.gate())
    })?;
    app::data::add_to_linker::<_, data::View<'static>>(l, |state: &mut CallState| {
        data::View(state.gate())
    })?;
    app::ledger::add_to_linker::<_, ledger::View<'static>>(l, |state: &mut CallState| {
        ledger::View(state.gate())
    })?;
    app::alerts::add_to_linker::<_, alerts::View<'static>>(l, |state: &mut CallState| {
        alerts::View(state.gate())
    })?;
    app::alert_actions::add_to_linker::<_, alerts::View<'static>>(l, |state: &mut CallState| {
        alerts::View(state.gate())
    })?;
    app::store::add_to_linker::<_, store::View<'static>>(l, |state: &mut CallState| {
        store::View(state.gate())
    })?;
    app::connections::add_to_linker::<_, connections::View<'static>>(
        l,
        |state: &mut CallState| connections::View(state.gate()),
    )?;
    app::jobs::add_to_linker::<_, jobs::View<'static>>(l, |state: &mut CallState| {
        jobs::View(state.gate())
    })?;
    app::log::add_to_linker::<_, log::View<'static>>(l, |state: &mut CallState| log::View {
        gate: state.gate(),
        log: &state.log,
    })?;
    wasi::add_to_linker(l)?;
    Ok(linker)
}
