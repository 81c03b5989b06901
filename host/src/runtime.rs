//! The sandbox: packages, and calls into their components.
//!
//! [`Runtime::load_folder`] reads `plugins/`, [`Runtime::handle`] runs one portal call. Each call gets a store of its
//! own, made from a component that was compiled and linked when it was loaded; rights and limits are fixed before guest
//! code runs, and nothing is left of the store afterwards. Guests run on threads of their own, so that a busy one can
//! not keep the front door waiting.
//!
//! | module | is about |
//! | --- | --- |
//! | [`package`], [`manifest`] | the files of one version, read as one snapshot |
//! | [`plugin`] | compiling and checking it |
//! | [`world`] | the contract as far as one app asks for it, for the tools that make components |
//! | [`registry`], `retired` | the apps and what they serve, and pages of versions before |
//! | `load` | from a folder in `plugins/` to an app, while serving |
//! | [`engine`], [`limits`], [`meter`], `turns` | what a call may use, what it used, and when it runs |
//! | `threads`, `awake` | where it runs |
//! | `quarantine` | what keeps failing is not called for a while |
//! | `guest`, `host` | one call, and what its imports do |
//!
//! To add an interface to the contract, see `host`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, anyhow};
use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wasmtime::component::Linker;

use crate::cloud::Cloud;
use crate::install::{ActiveInstall, GuestStore, Tenant};
use crate::model::{Clock, Slug};

mod admission;
mod awake;
mod call;
mod check;
pub mod engine;
mod guest;
mod guest_log;
mod host;
pub mod limits;
mod load;
pub mod manifest;
pub mod meter;
pub mod package;
pub mod plugin;
mod quarantine;
mod record;
pub mod registry;
mod retired;
mod threads;
mod turns;
pub mod world;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use awake::before_front_door_sleeps;
pub use check::{
    Inspection, LimitLine, NeverGiven, ScopeLine, ScopeStatus, Subject, SubjectKind, check_package,
    inspect,
};
#[cfg(feature = "dev")]
pub(crate) use guest::REQUEST_HEADERS;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use guest::headers as guest_headers;
pub use guest::{CallFailure, Delivery, GuestRequest, GuestResponse, GuestSession, HookOutcome};
pub use limits::{CallLimits, Limits};
pub use load::Change;
pub(crate) use load::REFUSED;
pub use load::{
    COMPILE_COMMAND, CacheSettings, CompileOrder, Compiled, Compiler, compile_component,
};
#[cfg(feature = "dev")]
pub(crate) use load::{Debounce, Notice, Notices};
pub(crate) use load::{Stamp, stamp};
pub use manifest::Manifest;
pub use meter::CallReport;
pub use package::{Package, PackageError, Page, UiFile, UiFiles};
pub use plugin::{LoadError, Plugin};
pub use quarantine::Shut;
pub use registry::{App, AppStatus, Registry};

use engine::{Allocation, Engine, EngineSettings};
use guest::{Answer, Ask};
use host::CallState;
use load::{CompiledCache, Decisions, LookTurns, Patience};
use threads::GuestThreads;

/// What the operator set for one app.
#[derive(Debug, Clone)]
pub struct AppOverrides {
    /// Its ceilings.
    pub limits: Limits,
    /// Values over the package's own `[settings]`.
    pub settings: BTreeMap<String, String>,
    /// Whether it serves.
    pub enabled: bool,
}

/// How the sandbox is set up.
#[derive(Debug, Clone)]
pub struct RuntimeSettings {
    /// The ceilings of every app that has none of its own.
    pub limits: Limits,
    /// What the operator set for single apps.
    pub apps: BTreeMap<Slug, AppOverrides>,
    /// Calls of all apps that run at the same time.
    pub concurrent_calls: u32,
    /// Where the memories of calls come from.
    pub allocation: Allocation,
    /// Threads that guests run on; none means one less than the machine has cores, at least one. With zero, guests run on
    /// the threads of the async runtime that [`Runtime::new`] is called in: for measuring, never for a front door.
    pub guest_threads: Option<usize>,
    /// Who compiles components.
    pub compiler: Compiler,
    /// Where compiled code is kept; without it, components are compiled at each start.
    pub cache: Option<CacheSettings>,
}

impl RuntimeSettings {
    /// The highest memory ceiling of any app, in bytes.
    fn max_memory_bytes(&self) -> usize {
        let apps = self.apps.values().map(|app| app.limits.memory_bytes);
        apps.fold(self.limits.memory_bytes, usize::max)
    }
}

impl Default for RuntimeSettings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            apps: BTreeMap::new(),
            concurrent_calls: EngineSettings::default().concurrent_calls,
            allocation: Allocation::default(),
            guest_threads: None,
            compiler: Compiler::InProcess,
            cache: None,
        }
    }
}

/// The lower floors that calls need.
#[derive(Clone)]
pub struct Services {
    /// Blnk Cloud.
    pub cloud: Cloud,
    /// The records of each install.
    pub guest_store: GuestStore,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The sandbox. Cheap to clone.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    settings: RuntimeSettings,
    services: Services,
    engine: Engine,
    linker: Linker<CallState>,
    threads: GuestThreads,
    registry: Registry,
    /// One compilation at a time: each uses every core and much memory.
    compiling: tokio::sync::Mutex<()>,
    cache: Option<CompiledCache>,
    /// Permits of the whole host.
    running: Arc<Semaphore>,
    /// The folder of packages, once one was loaded.
    plugins: Mutex<Option<PathBuf>>,
    /// What packages looked like from outside just before they were last read.
    seen: Mutex<BTreeMap<Slug, Stamp>>,
    look_turns: LookTurns,
    decisions: Mutex<Decisions>,
    /// What was told of the folder of packages.
    told: Mutex<load::Told>,
    /// What the operator switched off by a command.
    switched_off: ArcSwap<BTreeSet<Slug>>,
    #[cfg(test)]
    fail_point: Arc<host::FailPoint>,
}

impl Inner {
    fn seen(&self) -> MutexGuard<'_, BTreeMap<Slug, Stamp>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decisions(&self) -> MutexGuard<'_, Decisions> {
        self.decisions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> MutexGuard<'_, load::Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember_folder(&self, folder: &Path) {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        *plugins = Some(folder.to_owned());
    }

    /// Begins to delete compiled code that no app uses. Nobody waits for it, and what is not swept now is swept the next
    /// time.
    fn sweep_cache(self: &Arc<Self>) {
        let runtime = Arc::clone(self);
        let sweep = move || {
            // An app that is being looked at is not in the registry yet.
            let is_present = |slug: &Slug| {
                runtime.registry.find(slug).is_some() || runtime.seen().contains_key(slug)
            };
            if let Some(cache) = &runtime.cache {
                cache.sweep(runtime.services.clock.now(), is_present);
            }
        };
        drop(tokio::task::spawn_blocking(sweep));
    }

    fn folder(&self) -> Option<PathBuf> {
        let plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        plugins.clone()
    }
}

impl Runtime {
    /// Builds the engine, the linker and the guests' threads. No package is loaded yet.
    pub fn new(settings: RuntimeSettings, services: Services) -> anyhow::Result<Self> {
        let engine = Engine::new(&EngineSettings {
            allocation: settings.allocation,
            max_memory_bytes: settings.max_memory_bytes(),
            concurrent_calls: settings.concurrent_calls,
        })?;
        let linker = host::linker(&engine)
            .map_err(|error| anyhow!("linking the host's functions: {error:#}"))?;
        let threads =
            GuestThreads::start(settings.guest_threads).context("starting the guests' threads")?;
        let cache = settings.cache.clone().map(CompiledCache::open);
        let running = Arc::new(Semaphore::new(settings.concurrent_calls as usize));
        Ok(Self(Arc::new(Inner {
            settings,
            services,
            engine,
            linker,
            threads,
            registry: Registry::default(),
            compiling: tokio::sync::Mutex::default(),
            cache,
            running,
            plugins: Mutex::default(),
            seen: Mutex::default(),
            look_turns: LookTurns::default(),
            decisions: Mutex::default(),
            told: Mutex::default(),
            switched_off: ArcSwap::default(),
            #[cfg(test)]
            fail_point: Arc::default(),
        })))
    }

    /// Reads every package of a folder, before anything is served: all apps are there at once. A package that can't be
    /// served stops only itself and is listed with its reason; names that start with a dot, and plain files, are no
    /// packages.
    pub async fn load_folder(&self, plugins: &Path) -> Vec<(Slug, Change)> {
        self.begin(plugins, Patience::Waits).await
    }

    /// As [`Runtime::load_folder`], but waits for no compilation: apps whose code is not in the cache serve nobody until
    /// [`Runtime::watch`] has compiled them.
    pub async fn load_cached(&self, plugins: &Path) -> Vec<(Slug, Change)> {
        self.begin(plugins, Patience::None).await
    }

    /// How many apps still wait to be compiled since [`Runtime::load_cached`].
    pub fn starting(&self) -> usize {
        self.0.decisions().starting()
    }

    async fn begin(&self, plugins: &Path, patience: Patience) -> Vec<(Slug, Change)> {
        let changes = load::begin(&self.0, plugins, patience).await;
        self.0.sweep_cache();
        changes
    }

    /// Keeps step with the folder that was loaded, until told to stop: packages that are dropped in, replaced, removed,
    /// broken and mended. What changes all the same, as on a file system that tells nothing, is found within seconds.
    pub async fn watch(&self, stopping: CancellationToken) {
        if let Some(plugins) = self.0.folder() {
            load::watch(Arc::clone(&self.0), plugins, stopping).await;
        }
    }

    /// Loads one package of a folder, which becomes the folder of packages.
    pub async fn load(&self, plugins: &Path, slug: &Slug) -> Change {
        self.0.remember_folder(plugins);
        load::app(&self.0, plugins, slug).await
    }

    /// Looks at one app now, and takes over what is there. Goes on to its end if the future is dropped.
    pub async fn reload(&self, slug: &Slug) -> Change {
        match self.0.folder() {
            Some(plugins) => load::app(&self.0, &plugins, slug).await,
            None => Change::Unchanged,
        }
    }

    /// Looks at every app now. An app that is gone is dropped, unless it is back after a grace.
    pub async fn reload_all(&self) -> Vec<(Slug, Change)> {
        match self.0.folder() {
            Some(plugins) => load::again(&self.0, &plugins).await,
            None => Vec::new(),
        }
    }

    /// Switches off exactly the apps that `newest` answers, beside those that the configuration switches off: it is asked
    /// when it is its turn, so that the last one to ask decides. What is off serves nobody when this returns. What is on
    /// again is looked at, for which nobody waits here; needs an asynchronous runtime around it.
    pub fn switch_off(&self, newest: impl FnOnce() -> BTreeSet<Slug>) {
        for slug in load::switch(&self.0, newest) {
            let runtime = self.clone();
            // Only what is there: an app may be switched off that has no package on this host.
            tokio::spawn(async move { runtime.reload(&slug).await });
        }
    }

    #[cfg(test)]
    pub(crate) fn services(&self) -> &Services {
        &self.0.services
    }

    /// The apps.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// What of an app is in quarantine at the moment, if anything is.
    pub fn shut(&self, app: &App) -> Option<Shut> {
        app.plugin()?.quarantine().shut(self.0.services.clock.now())
    }

    /// Asks an app to answer a request of its page. Dropping the future ends the call.
    pub async fn handle(
        &self,
        install: &ActiveInstall,
        session: GuestSession,
        request: GuestRequest,
    ) -> Result<GuestResponse, CallFailure> {
        self.handle_with_report(install, session, request).await.0
    }

    /// As [`Runtime::handle`], with what the call used.
    pub async fn handle_with_report(
        &self,
        install: &ActiveInstall,
        session: GuestSession,
        request: GuestRequest,
    ) -> (Result<GuestResponse, CallFailure>, CallReport) {
        let (result, report) = call::run(&self.0, install, Ask::Portal(session, request)).await;
        let result = result.and_then(|answer| match answer {
            Answer::Portal(response) => Ok(response),
            Answer::Hook(_) => Err(CallFailure::BadOutput),
        });
        (result, report)
    }

    /// Tells an app that it was installed.
    pub async fn installed(&self, tenant: &Tenant, delivery: Delivery) -> HookOutcome {
        self.tell(tenant, Ask::Installed(delivery)).await
    }

    /// Tells an app that it was uninstalled. Its store works, Cloud calls answer `revoked`.
    pub async fn uninstalled(&self, tenant: &Tenant, delivery: Delivery) -> HookOutcome {
        self.tell(tenant, Ask::Uninstalled(delivery)).await
    }

    async fn tell(&self, tenant: &Tenant, ask: Ask) -> HookOutcome {
        match call::run(&self.0, tenant, ask).await.0 {
            Ok(Answer::Hook(outcome)) => outcome,
            Ok(Answer::Portal(_)) => {
                HookOutcome::GiveUp("the hook answered like a portal".to_owned())
            }
            Err(failure) => HookOutcome::Retry(failure.to_string()),
        }
    }
}
