//! The way of one call: find the app, get a permit, run it on the guests' threads, report.

use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::Inner;
use super::guest::{self, Answer, Ask, CallFailure, Failed};
use super::guest_log::GuestLog;
use super::host::Binding;
use super::limits::CallLimits;
use super::meter::CallReport;
use super::plugin::Plugin;
use super::record::CallRecord;
use crate::cloud::CallPolicy;
use crate::install::Tenant;
use crate::model::Grants;
use crate::secret::random_bytes;

type Ended = (Result<Answer, CallFailure>, CallReport);

/// Runs one call for a tenant. Dropping the future ends the call.
pub(super) async fn run(runtime: &Inner, tenant: &Tenant, ask: Ask) -> Ended {
    let refused = |failure: CallFailure| (Err(failure), CallReport::default());
    let Some(app) = runtime.registry.find(tenant.slug()) else {
        return refused(CallFailure::NotServing {
            reason: "there is no such app on this host".to_owned(),
        });
    };
    let Some(plugin) = app.plugin() else {
        return refused(CallFailure::NotServing {
            reason: app.reason().unwrap_or("it is off").to_owned(),
        });
    };
    let (plugin, limits) = (Arc::clone(plugin), limits_of(plugin, &ask).clone());
    if !matches!(ask, Ask::Portal(..)) && plugin.lifecycle().is_none() {
        return (
            Ok(Answer::Hook(guest::HookOutcome::NotExported)),
            CallReport::default(),
        );
    }
    let permit = match &ask {
        Ask::Portal(..) => {
            app.admission()
                .portal(tenant.install_id(), limits.wall)
                .await
        }
        Ask::Installed(_) | Ask::Uninstalled(_) => app.admission().background(limits.wall).await,
    };
    let Ok(permit) = permit else {
        return refused(CallFailure::Busy);
    };
    let call_id = random_call_id();
    let engine = runtime.engine.clone();
    let binding = bind(runtime, tenant, &plugin, &limits, &ask, call_id);
    let mut record = begin_record(tenant, &plugin, &ask, &binding);
    let turns = runtime.threads.turns();
    let mut place = turns.place(tenant.slug().clone(), Some(tenant.install_id().clone()));
    place.announce();
    // A task of its own: a panic ends this call alone, and the guest never runs on a thread of the front door.
    let task = runtime.threads.handle().spawn(async move {
        let result = guest::run(&engine, &plugin, &limits, binding, ask, place, &mut record).await;
        let ended = match result {
            Ok(answer) => (Ok(answer), record.answered()),
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
        .unwrap_or_else(|_| refused(CallFailure::Trap))
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
    call_id: String,
) -> Binding {
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
    }
}

fn begin_record(tenant: &Tenant, plugin: &Plugin, ask: &Ask, binding: &Binding) -> CallRecord {
    let log = GuestLog::new(
        tenant.slug().clone(),
        Some(tenant.install_id().clone()),
        binding.call_id.clone(),
        plugin.limits().log_bytes,
        plugin.limits().log_line_bytes,
    );
    let kind = match ask {
        Ask::Portal(_, request) => request.method.clone(),
        Ask::Installed(_) => "installed".to_owned(),
        Ask::Uninstalled(_) => "uninstalled".to_owned(),
    };
    CallRecord::begin(
        tenant.slug().clone(),
        plugin.package().manifest().version.clone(),
        tenant.install_id().clone(),
        binding.call_id.clone(),
        kind,
        binding.cloud.clone(),
        log,
    )
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
