//! The one engine: Wasmtime's configuration, its clock, and the stores of calls.
//!
//! A production process has one engine. Everything that Wasmtime can do and a Custom App does not need is switched
//! off here. `gc` and `threads` are compiled in and off by configuration: builds without them abort the process on
//! hostile input (GHSA-rc4p, GHSA-2674).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Component;
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, Store, UpdateDeadline,
};

use super::host::CallState;
use super::limits::{
    MAX_CORE_INSTANCES, MAX_HANDLES, MAX_HOST_CALLS, MAX_LIFTED_BYTES, MAX_MEMORIES,
    MAX_TABLE_ELEMENTS, MAX_TABLES, MIB,
};
use super::meter::SliceOver;

/// How often the epoch advances, and so the length of a slice.
pub const TICK: Duration = Duration::from_millis(1);

/// Where the memories, tables and stacks of instances come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allocation {
    /// From a pool that is reserved once; where the system does not give that many addresses, as [`Self::OnDemand`].
    #[default]
    Pooled,
    /// From the system, for each call anew.
    OnDemand,
}

/// Where instances live, and how many at once.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Where the memories, tables and stacks of instances come from.
    pub allocation: Allocation,
    /// The highest memory ceiling of any app, in bytes.
    pub max_memory_bytes: usize,
    /// Calls of all apps that run at the same time, fewer where they need many memories or tables. Each memory of the
    /// pool reserves 4 GiB of addresses (not of memory): 256 calls with four each are 42 bits, and a tenth more are for
    /// what is tried beside them.
    pub concurrent_calls: u32,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            allocation: Allocation::default(),
            max_memory_bytes: 64 * MIB,
            concurrent_calls: 256,
        }
    }
}

/// Memories that one permit of the host stands for.
const MEMORIES_PER_PERMIT: u32 = 4;
/// Tables that one permit of the host stands for.
const TABLES_PER_PERMIT: u32 = 8;
/// Components that are tried at the same time while they are loaded. They have places of their own in the pool, so that a
/// busy host takes new versions and those take nothing from calls.
pub(super) const TRIALS: u32 = 4;

/// Why the host stopped a guest. Travels through Wasmtime as an error and is found again with `downcast`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The CPU time is used up.
    #[error("the call used up its CPU time")]
    Cpu,
    /// Too many calls into the host.
    #[error("the call made more than {MAX_HOST_CALLS} calls into the host")]
    HostCalls,
}

/// Opens the system's list of the pages that this process wrote to, from which a pool sees what a call has left to be
/// cleared. Answers whether there is one: Linux has it from 6.7 on. It stays open, so a process that is about to close
/// itself to other users' eyes asks before it does: from then on the list can be opened by root alone.
pub fn open_page_list() -> bool {
    PoolingAllocationConfig::is_pagemap_scan_available()
}

/// The engine and its clock. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    wasmtime: wasmtime::Engine,
    calls: u32,
    trials: Arc<Semaphore>,
}

impl Engine {
    /// Configures the engine and starts its clock on a thread of its own, which ends with the last clone.
    pub fn new(settings: &EngineSettings) -> anyhow::Result<Self> {
        let pool = match settings.allocation {
            Allocation::Pooled => pool_or_warning(settings),
            Allocation::OnDemand => None,
        };
        let engine = match pool {
            Some(engine) => engine,
            None => build(&hardened())
                .map_err(|error| anyhow!("configuring the Wasm engine: {error:#}"))?,
        };
        if !open_page_list() {
            tracing::info!(
                "The system has no list of the pages that a call wrote to (Linux has it from 6.7 on): clearing them takes \
                 most of the time of a small call"
            );
        }
        start_clock(&engine)?;
        Ok(Self::of(engine, settings.concurrent_calls))
    }

    /// An engine that compiles for those that [`Engine::new`] makes: of the same settings, without a pool and a clock. It
    /// runs nothing.
    pub(crate) fn for_compiling() -> anyhow::Result<Self> {
        let engine = build(&hardened())
            .map_err(|error| anyhow!("configuring the Wasm compiler: {error:#}"))?;
        Ok(Self::of(engine, 0))
    }

    fn of(engine: wasmtime::Engine, calls: u32) -> Self {
        Self {
            wasmtime: engine,
            calls,
            trials: Arc::new(Semaphore::new(TRIALS as usize)),
        }
    }

    /// How many of the host's permits a call of this component takes: at least one, and at most all. The pool has room
    /// for whoever has them.
    pub(crate) fn permits_for(&self, component: &Component) -> u32 {
        let Some(needs) = component.resources_required() else {
            return 1;
        };
        let memories = needs.num_memories.div_ceil(MEMORIES_PER_PERMIT);
        let tables = needs.num_tables.div_ceil(TABLES_PER_PERMIT);
        memories.max(tables).min(self.calls).max(1)
    }

    /// Waits for the place of a component that is tried before it serves; none only if the engine is at its end.
    pub(crate) async fn trial(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.trials).acquire_owned().await.ok()
    }

    /// Wasmtime's engine, for linkers.
    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.wasmtime
    }

    /// A store for one call: limiter on, all caps set, and the deadline of the first slice running.
    pub(crate) fn store(&self, state: CallState) -> Store<CallState> {
        let cpu_budget = state.cpu_budget();
        let meter = Arc::clone(state.meter());
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that makes stores"
        )]
        let mut store = Store::new(&self.wasmtime, state);
        store.limiter(|state| state.limiter());
        store.set_hostcall_fuel(MAX_LIFTED_BYTES);
        store.set_max_component_handles(MAX_HANDLES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            if meter.read() >= cpu_budget {
                return Err(Stop::Cpu.into());
            }
            if meter.host_calls() > MAX_HOST_CALLS {
                return Err(Stop::HostCalls.into());
            }
            // Ticks are the same for all: the first of a turn comes too soon, and at once after a wait.
            if meter.turn() < TICK / 2 {
                return Ok(UpdateDeadline::Continue(1));
            }
            Ok(UpdateDeadline::YieldCustom(
                1,
                Box::pin(SliceOver::new(&meter)),
            ))
        });
        store
    }
}

fn pool_or_warning(settings: &EngineSettings) -> Option<wasmtime::Engine> {
    build(&pooled(settings))
        .inspect_err(|error| {
            tracing::warn!(
                error = %error,
                "Cannot reserve addresses for pooled instances: each call allocates its own, which is slower"
            );
        })
        .ok()
}

fn build(config: &Config) -> wasmtime::Result<wasmtime::Engine> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that makes engines"
    )]
    wasmtime::Engine::new(config)
}

/// Everything but the allocation of instances.
fn hardened() -> Config {
    let mut config = Config::new();
    config
        .wasm_threads(false)
        .wasm_memory64(false)
        .wasm_gc(false)
        .gc_support(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .concurrency_support(false)
        .epoch_interruption(true)
        // Only foreign debuggers would use it, and each app would keep it in memory and register it at each load.
        .native_unwind_info(false)
        .max_wasm_stack(512 * 1024)
        // The difference is what host functions get; were it small, a deep guest could abort the process.
        .async_stack_size(2 * MIB)
        // Nothing that one call left there is under the feet of the next.
        .async_stack_zeroing(true);
    config
}

/// The hardened configuration with instances from a pool, whose slots are reset instead of mapped anew.
fn pooled(settings: &EngineSettings) -> Config {
    let calls = settings.concurrent_calls;
    let places = calls.saturating_add(TRIALS);
    // A call that takes all permits may need more than they stand for.
    let of_calls = |per_permit: u32, most: u32| calls.saturating_mul(per_permit).max(most);
    let of_trials = |most: u32| TRIALS.saturating_mul(most);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(places)
        .total_stacks(places)
        .total_memories(of_calls(MEMORIES_PER_PERMIT, MAX_MEMORIES) + of_trials(MAX_MEMORIES))
        .total_tables(of_calls(TABLES_PER_PERMIT, MAX_TABLES) + of_trials(MAX_TABLES))
        // Only counted: nothing is kept for them, and how many a component has is not told.
        .total_core_instances(places.saturating_mul(MAX_CORE_INSTANCES))
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_tables_per_module(MAX_TABLES)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_memory_size(settings.max_memory_bytes)
        // Kept resident, a slot's first pages are cleared by hand instead of by the kernel.
        .linear_memory_keep_resident(128 * 1024)
        .table_keep_resident(64 * 1024)
        // More than most calls use of their stack: what is below is given back to the system, and fetched anew.
        .async_stack_keep_resident(32 * 1024)
        .pagemap_scan(Enabled::Auto);
    let mut config = hardened();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Advances the epoch on a thread of the operating system: a task could be starved by the guests it is to stop.
fn start_clock(engine: &wasmtime::Engine) -> anyhow::Result<()> {
    let weak = engine.weak();
    std::thread::Builder::new()
        .name("airlock-epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .context("starting the thread that advances the epoch")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::testing::store_for_nobody;

    /// A component with so many memories and tables, each of a core instance of its own.
    fn with_many(engine: &Engine, memories: usize, tables: usize) -> Component {
        let modules = "(core module $m (memory 0)) (core module $t (table 1 funcref))";
        let (memories, tables) = (
            "(core instance (instantiate $m))".repeat(memories),
            "(core instance (instantiate $t))".repeat(tables),
        );
        let text = format!("(component {modules} {memories} {tables})");
        Component::from_binary(engine.wasmtime(), &wat::parse_str(text).unwrap()).unwrap()
    }

    fn with(concurrent_calls: u32) -> Engine {
        Engine::new(&EngineSettings {
            concurrent_calls,
            ..EngineSettings::default()
        })
        .unwrap()
    }

    #[test]
    fn what_takes_more_of_the_pool_takes_more_permits() {
        let engine = with(16);
        for (memories, tables, permits) in [
            (0, 0, 1),
            (1, 1, 1),
            (4, 8, 1),
            (5, 1, 2),
            (1, 9, 2),
            (20, 1, 5),
            (1, 20, 3),
        ] {
            let component = with_many(&engine, memories, tables);
            assert_eq!(
                engine.permits_for(&component),
                permits,
                "{memories} memories, {tables} tables"
            );
        }
        let small = with(3);
        assert_eq!(small.permits_for(&with_many(&small, 20, 20)), 3);
    }

    #[tokio::test]
    async fn whoever_has_the_permits_finds_room_and_so_do_those_that_are_tried() {
        for calls in [1, 5, 16] {
            let engine = with(calls);
            let linker = wasmtime::component::Linker::new(engine.wasmtime());
            let (heavy, light) = (with_many(&engine, 20, 20), with_many(&engine, 1, 1));
            let mut held = Vec::new();
            let mut start = async |component: &Component| {
                let mut store = store_for_nobody(&engine);
                let started = linker.instantiate_async(&mut store, component).await;
                held.push(store);
                started.map(drop).map_err(|error| format!("{error:#}"))
            };
            let mut permits = calls;
            while let Some(left) = permits.checked_sub(engine.permits_for(&heavy)) {
                assert_eq!(start(&heavy).await, Ok(()), "{permits} of {calls} left");
                permits = left;
            }
            for _ in 0..permits {
                assert_eq!(start(&light).await, Ok(()));
            }
            for _ in 0..TRIALS {
                assert_eq!(start(&heavy).await, Ok(()), "tried beside {calls}");
            }
        }
    }

    fn compile(text: &str) -> Result<(), String> {
        let engine = Engine::new(&EngineSettings {
            concurrent_calls: 4,
            ..EngineSettings::default()
        })
        .unwrap();
        Component::from_binary(engine.wasmtime(), &wat::parse_str(text).unwrap())
            .map(|_| ())
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_plain_component_compiles() {
        assert_eq!(
            compile("(component (core module (memory 1) (func nop)))"),
            Ok(())
        );
    }

    #[test]
    fn proposals_that_no_guest_needs_are_off() {
        for (expected, module) in [
            (
                "threads support",
                "(memory 1) (func (drop (memory.atomic.notify (i32.const 0) (i32.const 0))))",
            ),
            ("threads must be enabled", "(memory 1 1 shared)"),
            (
                "gc support",
                "(type $f (func)) (func (drop (ref.cast (ref null $f) (ref.null func))))",
            ),
            ("memory64 must be enabled", "(memory i64 1)"),
            ("multiple memories", "(memory 1) (memory 1)"),
            ("tail calls support", "(func $f return_call $f)"),
            ("exceptions proposal", "(tag $t) (func throw $t)"),
            ("gc feature", "(type (struct (field i32)))"),
            (
                "relaxed SIMD",
                "(func (param v128) (drop (f32x4.relaxed_madd (local.get 0) (local.get 0) (local.get 0))))",
            ),
        ] {
            let error = compile(&format!("(component (core module {module}))")).unwrap_err();
            assert!(error.contains(expected), "{module}: {error}");
        }
    }

    #[test]
    fn h07_one_module_may_have_as_many_tables_as_an_app() {
        let with = |count: u32| {
            let tables = "(table 1 funcref)".repeat(count as usize);
            compile(&format!(
                "(component (core module $m {tables}) (core instance (instantiate $m)))"
            ))
        };
        assert_eq!(with(MAX_TABLES), Ok(()));
        assert!(with(MAX_TABLES + 1).is_err());
    }

    #[test]
    fn h08_a_memory_beyond_the_pool_is_refused_at_compilation() {
        let with = |pages: u32| {
            compile(&format!(
                "(component (core module $m (memory {pages})) (core instance (instantiate $m)))"
            ))
        };
        assert_eq!(with(1024), Ok(()));
        assert!(with(1025).is_err());
    }
}
