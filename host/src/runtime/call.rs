//! The way of one call: find the app, be let in, run it on the guests' threads, report.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use super::Inner;
use super::admission::{Asked, Busy, Permit};
use super::awake::{self, UnderWay};
use super::guest::{self, Answer, Ask, CallFailure, Failed, HookOutcome};
use super::guest_log::GuestLog;
use super::host::Binding;
use super::limits::CallLimits;
use super::meter::CallReport;
use super::plugin::Plugin;
use super::quarantine::{Change, Health, Pass};
use super::record::{self, CallRecord};
use super::registry::App;
use super::turns::Place;
use crate::cloud::CallPolicy;
use crate::install::Tenant;
use crate::model::Grants;
use crate::secret::random_hex;

type Ended = (Result<Answer, CallFailure>, CallReport);

/// Runs one call for a tenant. Dropping the future ends the call.
pub(super) async fn run(runtime: &Arc<Inner>, tenant: &Tenant, ask: Ask) -> Ended {
    let (app, plugin) = match find(runtime, tenant) {
        Ok(found) => found,
        Err(failure) => return refuse(tenant, None, &ask, failure),
    };
    if !matches!(ask, Ask::Portal(..)) && plugin.lifecycle().is_none() {
        let nothing_to_do = Answer::Hook(HookOutcome::NotExported);
        return (Ok(nothing_to_do), CallReport::default());
    }
    let asked = match ask_in(runtime, tenant, &app, &plugin, &ask) {
        Ok(asked) => asked,
        Err(failure) => return refuse(tenant, Some(&plugin), &ask, failure),
    };
    let mut place = runtime
        .threads
        .turns()
        .place(tenant.slug().clone(), Some(tenant.install_id().clone()));
    if matches!(asked, Asked::Admitted(_)) {
        place.announce();
    }
    let call = Call {
        runtime: Arc::clone(runtime),
        tenant: tenant.clone(),
        app,
        plugin,
        ask: Some(ask),
    };
    // A task of its own: a panic ends this call alone, and the guest never runs on a thread of the front door. It also
    // waits there for its permit, so that who has one to give wakes a neighbor on its own thread.
    // Boxed, since the runtime copies what it is given more than once.
    let call = Box::pin(call.run(asked, place));
    let _under_way = UnderWay::begin();
    let task = AbortOnDropHandle::new(runtime.threads.handle().spawn(call));
    task.await
        .unwrap_or_else(|_| (Err(CallFailure::Trap), CallReport::default()))
}

fn refuse(tenant: &Tenant, plugin: Option<&Plugin>, ask: &Ask, failure: CallFailure) -> Ended {
    record::not_begun(tenant, plugin, ask, failure.word());
    (Err(failure), CallReport::default())
}

/// The app and the version of it that serves.
fn find(runtime: &Inner, tenant: &Tenant) -> Result<(Arc<App>, Arc<Plugin>), CallFailure> {
    let not_serving = |reason: &str| CallFailure::NotServing {
        reason: reason.to_owned(),
    };
    let app = runtime
        .registry
        .find(tenant.slug())
        .ok_or_else(|| not_serving("there is no such app on this host"))?;
    let plugin = app
        .plugin()
        .ok_or_else(|| not_serving(app.reason().unwrap_or("it is off")))?;
    let plugin = Arc::clone(plugin);
    Ok((app, plugin))
}

/// Asks whether the call may come in: past the quarantine, and into the queue.
fn ask_in(
    runtime: &Inner,
    tenant: &Tenant,
    app: &App,
    plugin: &Plugin,
    ask: &Ask,
) -> Result<Asked, CallFailure> {
    // Also before the wait for a permit, so that nobody queues for an app that is shut.
    let (install, now) = (tenant.install_id(), runtime.services.clock.now());
    if let Some(retry_after) = plugin.quarantine().left(install, now) {
        return Err(CallFailure::Quarantined { retry_after });
    }
    // Of the version that it will run, whichever serves when it is its turn.
    let permits = plugin.host_permits();
    match ask {
        Ask::Portal(..) => app
            .admission()
            .portal(install, permits)
            .map_err(|Busy| CallFailure::Busy),
        Ask::Installed(_) | Ask::Uninstalled(_) => Ok(app.admission().ask_background(permits)),
    }
}

/// One call on the guests' threads.
struct Call {
    runtime: Arc<Inner>,
    tenant: Tenant,
    app: Arc<App>,
    plugin: Arc<Plugin>,
    /// Until the call begins.
    ask: Option<Ask>,
}

impl Call {
    async fn run(mut self, asked: Asked, place: Place) -> Ended {
        let admitted = self.admit(asked).await;
        let Some(ask) = self.ask.take() else {
            return (Err(CallFailure::Trap), CallReport::default());
        };
        let (permit, pass) = match admitted {
            Ok(admitted) => admitted,
            Err(failure) => return refuse(&self.tenant, Some(&self.plugin), &ask, failure),
        };
        // What a panic leaves behind is dropped with the call, and it has written its own line.
        let ended = AssertUnwindSafe(self.call(ask, place)).catch_unwind().await;
        let ended = ended.unwrap_or_else(|_| (Err(CallFailure::Trap), CallReport::default()));
        drop(permit);
        awake::call_ended();
        let now = self.runtime.services.clock.now();
        if let Some(change) = pass.end(Health::of(&ended.0), now) {
            tell(&self.tenant, change);
        }
        ended
    }

    /// Waits for the permit, and looks at the quarantine again.
    async fn admit(&self, asked: Asked) -> Result<(Permit, Pass), CallFailure> {
        let limits = self.plugin.limits();
        let patience = match asked {
            Asked::Background(..) => limits.background.wall,
            Asked::Admitted(_) | Asked::Waiting(_) => limits.portal.wall,
        };
        let permit = asked.permit(patience).await;
        let permit = permit.map_err(|Busy| CallFailure::Busy)?;
        let (quarantine, now) = (self.plugin.quarantine(), self.runtime.services.clock.now());
        let pass = quarantine.enter(self.tenant.install_id(), now);
        let pass = pass.map_err(|retry_after| CallFailure::Quarantined { retry_after })?;
        Ok((permit, pass))
    }

    async fn call(&self, ask: Ask, place: Place) -> Ended {
        let (tenant, plugin) = (&self.tenant, &self.plugin);
        let limits = limits_of(plugin, &ask);
        let binding = bind(&self.runtime, tenant, plugin, limits, &ask);
        let mut record = begin_record(tenant, &self.app, plugin, &ask, &binding);
        let engine = &self.runtime.engine;
        let called = guest::run(engine, plugin, limits, binding, ask, place, &mut record);
        match called.await {
            Ok(answer) => {
                let report = record.answered(&answer);
                (Ok(answer), report)
            }
            Err(Failed { failure, detail }) => {
                let report = record.failed(&failure, detail);
                (Err(failure), report)
            }
        }
    }
}

impl Drop for Call {
    /// Its caller left before it began, if nothing worse happened.
    fn drop(&mut self) {
        if let Some(ask) = self.ask.take() {
            let outcome = if std::thread::panicking() {
                "panic"
            } else {
                "abandoned"
            };
            record::not_begun(&self.tenant, Some(&self.plugin), &ask, outcome);
        }
    }
}

/// Tells the operator who is shut out, and who is let in again.
fn tell(tenant: &Tenant, change: Change) {
    let (app, install) = (tenant.slug(), tenant.install_id());
    match change {
        Change::InstallShut => {
            warn!(app = %app, install.id = %install, "Put an install of {app} in quarantine: it keeps failing");
        }
        Change::AppShut => {
            error!(app = %app, install.id = %install, "Put {app} in quarantine: several installs keep failing");
        }
        Change::InstallServes => {
            info!(app = %app, install.id = %install, "Let an install of {app} out of quarantine");
        }
        Change::AppServes => {
            info!(app = %app, install.id = %install, "Let {app} out of quarantine");
        }
    }
}

fn limits_of<'a>(plugin: &'a Plugin, ask: &Ask) -> &'a CallLimits {
    match ask {
        Ask::Portal(..) => &plugin.limits().portal,
        Ask::Installed(_) | Ask::Uninstalled(_) => &plugin.limits().background,
    }
}

/// Fixes whom the call serves and what it may do.
fn bind(
    runtime: &Inner,
    tenant: &Tenant,
    plugin: &Plugin,
    limits: &CallLimits,
    ask: &Ask,
) -> Binding {
    let call_id = random_hex::<12>();
    let grants = Grants::new(tenant.granted().clone(), plugin.requested().clone());
    let policy = CallPolicy {
        grants: grants.clone(),
        metadata_keys: plugin.package().manifest().metadata_keys.clone(),
        read_only: matches!(ask, Ask::Portal(_, request) if ["GET", "HEAD"].contains(&request.method.as_str())),
        max_calls: limits.cloud_calls,
        max_parallel: limits.parallel_cloud_calls,
        max_reply_bytes: plugin.limits().cloud_reply_bytes,
        // Every try of a delivery makes the same references, so that a repeated hook posts nothing twice.
        run_id: match ask {
            Ask::Portal(..) => call_id.clone(),
            Ask::Installed(delivery) | Ask::Uninstalled(delivery) => delivery.id.clone(),
        },
        deadline: Instant::now() + limits.wall,
    };
    Binding {
        cloud: runtime.services.cloud.bind(tenant.clone(), policy),
        tenant: tenant.clone(),
        grants,
        settings: Arc::clone(plugin.settings()),
        call_id,
        now: runtime.services.clock.now(),
        store: runtime.services.guest_store.clone(),
        #[cfg(test)]
        fail_point: Arc::clone(&runtime.fail_point),
    }
}

fn begin_record(
    tenant: &Tenant,
    app: &App,
    plugin: &Arc<Plugin>,
    ask: &Ask,
    binding: &Binding,
) -> CallRecord {
    let call_id = binding.call_id.clone();
    let log = GuestLog::new(
        tenant.slug().clone(),
        Some(tenant.install_id().clone()),
        call_id.clone(),
        plugin.limits().log_bytes,
        plugin.limits().log_line_bytes,
        Arc::clone(app.admission().log()),
    );
    let (tenant, plugin) = (tenant.clone(), Arc::clone(plugin));
    CallRecord::begin(tenant, plugin, call_id, ask, binding.cloud.clone(), log)
}
