//! Registering an app and probing its two addresses.

use std::sync::Arc;

use reqwest::StatusCode;
use url::Url;

use super::send::unreachable;
use crate::core::Core;
use crate::ids;
use crate::lock;
use crate::mask::{masked, plain};
use crate::record::{Direction, Notice};
use crate::registration::{Registered, Registration};
use crate::scope::Scope;
use crate::state::App;

/// Registers an app, or updates the one with the same slug, and probes its addresses.
pub(crate) async fn register(core: &Arc<Core>, registration: Registration) -> Registered {
    let app_id = ids::fixed("app_", &format!("app {}", registration.slug));
    let permissions = registration.permissions.into_iter();
    let app = App {
        app_id: app_id.clone(),
        slug: registration.slug,
        name: registration.name,
        description: registration.description,
        developer: registration.developer,
        version: registration.version,
        callback_url: registration.callback_url,
        portal_generator_url: registration.portal_generator_url,
        permissions: permissions
            .filter_map(|(name, purpose)| Some((Scope::parse(&name)?, purpose)))
            .collect(),
        registration_problem: None,
        last_error: None,
    };
    let addresses = [
        ("callback", app.callback_url.clone()),
        ("portal", app.portal_generator_url.clone()),
    ];
    let slug = app.slug.clone();
    {
        let mut state = lock(&core.state);
        match state.app_mut(&app_id) {
            Some(known) => {
                *known = App {
                    last_error: known.last_error.take(),
                    ..app
                }
            }
            None => state.apps.push(app),
        }
    }
    let mut problem = None;
    if core.switches().probe_at_registration {
        for (name, address) in addresses {
            if let Err(reason) = probe(core, &slug, &address).await {
                problem = problem.or(Some(format!("The {name} address {reason}.")));
            }
        }
    }
    if let Some(app) = lock(&core.state).app_mut(&app_id) {
        app.registration_problem.clone_from(&problem);
    }
    core.note_change(Notice::State);
    Registered {
        app_id,
        ok: problem.is_none(),
        message: problem,
    }
}

/// Asks an address with GET; anything but an error status will do.
async fn probe(core: &Arc<Core>, slug: &str, address: &str) -> Result<(), String> {
    let address = Url::parse(address).map_err(|_| "is not a valid address".to_owned())?;
    if !matches!(address.scheme(), "http" | "https") {
        return Err("is not an http or https address".to_owned());
    }
    let mut record = core.begin_record(Direction::CloudToApp, "GET", masked(&address, slug));
    record.set(|record| record.app = Some(slug.to_owned()));
    record.details.path = plain(&address);
    let note = Some("Probe at registration.".to_owned());
    match core
        .client
        .get(address)
        .timeout(core.event_timeout)
        .send()
        .await
    {
        Ok(response) => {
            let status = response.status();
            record.finish(Some(status.as_u16()), None, note);
            check(status)
        }
        Err(error) => {
            let error = unreachable(error);
            record.finish(None, None, Some(format!("Probe at registration. {error}")));
            Err("could not be reached".to_owned())
        }
    }
}

fn check(status: StatusCode) -> Result<(), String> {
    if status.is_client_error() || status.is_server_error() {
        return Err(format!("answered {} to the probe", status.as_u16()));
    }
    Ok(())
}
