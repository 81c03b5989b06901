//! The way of one call: find the app, be let in, run it on the guests' threads, report.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use super::Inner;
use super::admission::{Busy, Permit};
use super::guest::{self, Answer, Ask, CallFailure, Failed, HookOutcome};
use super::guest_log::GuestLog;
use super::host::Binding;
use super::limits::CallLimits;
use super::meter::CallReport;
use super::plugin::Plugin;
use super::quarantine::{Change, Health, Pass};
use super::record::{self, CallRecord};
use super::registry::App;
use crate::cloud::CallPolicy;
use crate::install::Tenant;
use crate::model::Grants;
use crate::secret::random_bytes;

type Ended = (Result<Answer, CallFailure>, CallReport);

/// Runs one call for a tenant. Dropping the future ends the call.
pub(super) async fn run(runtime: &Inner, tenant: &Tenant, ask: Ask) -> Ended {
    let (app, plugin) = match find(runtime, tenant) {
        Ok(found) => found,
        Err(failure) => return refuse(tenant, None, &ask, failure),
    };
    if !matches!(ask, Ask::Portal(..)) && plugin.lifecycle().is_none() {
        let nothing_to_do = Answer::Hook(HookOutcome::NotExported);
        return (Ok(nothing_to_do), CallReport::default());
    }
    let (permit, pass) = match admit(runtime, tenant, &app, &plugin, &ask).await {
        Ok(admitted) => admitted,
        Err(failure) => return refuse(tenant, Some(&plugin), &ask, failure),
    };
    let ended = start(runtime, tenant, &app, plugin, ask, permit).await;
    let now = runtime.services.clock.now();
    if let Some(change) = pass.end(Health::of(&ended.0), now) {
        tell(tenant, change);
    }
    ended
}

fn refuse(tenant: &Tenant, plugin: Option<&Plugin>, ask: &Ask, failure: CallFailure) -> Ended {
    record::refused(tenant, plugin, ask, &failure);
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

/// Lets the call in: past the quarantine, and with a permit.
async fn admit(
    runtime: &Inner,
    tenant: &Tenant,
    app: &App,
    plugin: &Plugin,
    ask: &Ask,
) -> Result<(Permit, Pass), CallFailure> {
    let (install, quarantine) = (tenant.install_id(), plugin.quarantine());
    let now = || runtime.services.clock.now();
    let shut = |retry_after| CallFailure::Quarantined { retry_after };
    // Also before the wait for a permit, so that nobody queues for an app that is shut.
    if let Some(left) = quarantine.left(install, now()) {
        return Err(shut(left));
    }
    let wall = limits_of(plugin, ask).wall;
    let permit = match ask {
        Ask::Portal(..) => app.admission().portal(install, wall).await,
        Ask::Installed(_) | Ask::Uninstalled(_) => app.admission().background(wall).await,
    };
    let permit = permit.map_err(|Busy| CallFailure::Busy)?;
    let pass = quarantine.enter(install, now()).map_err(shut)?;
    Ok((permit, pass))
}

/// Runs the call on the guests' threads.
async fn start(
    runtime: &Inner,
    tenant: &Tenant,
    app: &App,
    plugin: Arc<Plugin>,
    ask: Ask,
    permit: Permit,
) -> Ended {
    let limits = limits_of(&plugin, &ask).clone();
    let binding = bind(runtime, tenant, &plugin, &limits, &ask);
    let mut record = begin_record(tenant, app, &plugin, &ask, &binding);
    let turns = runtime.threads.turns();
    let mut place = turns.place(tenant.slug().clone(), Some(tenant.install_id().clone()));
    place.announce();
    let engine = runtime.engine.clone();
    // A task of its own: a panic ends this call alone, and the guest never runs on a thread of the front door.
    let task = runtime.threads.handle().spawn(async move {
        let called = guest::run(&engine, &plugin, &limits, binding, ask, place, &mut record);
        let ended = match called.await {
            Ok(answer) => {
                let report = record.answered(&answer);
                (Ok(answer), report)
            }
            Err(Failed { failure, detail }) => {
                let report = record.failed(&failure, detail);
                (Err(failure), report)
            }
        };
        drop(permit);
        ended
    });
    // A panic has written its own line.
    AbortOnDropHandle::new(task)
        .await
        .unwrap_or_else(|_| (Err(CallFailure::Trap), CallReport::default()))
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
    let call_id = random_call_id();
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

/// Twelve random bytes in hex: unique, and nothing can be guessed from it.
fn random_call_id() -> String {
    use std::fmt::Write as _;
    let bytes = random_bytes::<12>();
    bytes
        .iter()
        .fold(String::with_capacity(24), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
