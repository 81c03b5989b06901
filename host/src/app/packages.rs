//! Keeping step with the folder of packages while serving: what goes beside an app that appears or is switched off.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::install::{Endpoints, Switches};
use crate::model::Slug;
use crate::runtime::Runtime;

/// How long until addresses that could not be made are tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Makes the address secrets of every app that appears. Where the database does not answer, it is asked until it does.
pub(super) async fn make_addresses(
    runtime: Runtime,
    endpoints: Endpoints,
    stopping: CancellationToken,
) {
    let mut changes = runtime.registry().changes();
    let mut made: BTreeSet<Slug> = BTreeSet::new();
    let mut failing = false;
    while !stopping.is_cancelled() {
        let apps = runtime.registry().list();
        let fresh = apps.iter().map(|app| app.slug());
        let fresh: Vec<_> = fresh
            .filter(|slug| !made.contains(*slug))
            .cloned()
            .collect();
        match endpoints.ensure_all(fresh.clone()).await {
            Ok(()) => {
                made.extend(fresh);
                if failing {
                    info!("The addresses of every app are made");
                }
                failing = false;
            }
            Err(error) => {
                if !failing {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "The addresses of apps that appeared could not be made; it is tried again"
                    );
                }
                failing = true;
            }
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(AGAIN), if failing => {}
            heard = changes.changed() => if heard.is_err() { return },
        }
    }
}

/// Switches apps off and on as it is decided here or at another host.
pub(super) async fn follow_switches(
    runtime: Runtime,
    switches: Switches,
    stopping: CancellationToken,
) {
    let mut changes = switches.changes();
    loop {
        changes.borrow_and_update();
        runtime.switch_off(|| switches.off());
        tokio::select! {
            () = stopping.cancelled() => return,
            heard = changes.changed() => if heard.is_err() { return },
        }
    }
}
