//! Launches: asking the app for a portal address, and looking at the page behind it.

use std::sync::Arc;

use serde_json::{Value, json};
use url::Url;

use super::frame::framing_problem;
use super::send::{Event, post, unreachable};
use super::{active_install, note_error, subject};
use crate::core::Core;
use crate::ids::USER_ID;
use crate::lock;
use crate::mask::{masked, plain};
use crate::record::{Direction, Notice};
use crate::registration::EventError;
use crate::state::App;

/// Asks the app for a portal address. A fresh request is made on every launch.
pub(crate) async fn launch(core: &Arc<Core>, installed_app_id: &str) -> Result<Url, EventError> {
    let switches = core.switches();
    let (app, install) = active_install(core, installed_app_id)?;
    let mut body = subject(&install, switches.legacy_fields);
    if switches.legacy_fields {
        body.insert("user_id".to_owned(), json!(USER_ID));
    }
    let event = Event {
        address: app.portal_generator_url.clone(),
        idempotency_key: None,
        body,
    };
    let answer = post(core, &app, &event, "")
        .await
        .and_then(|bytes| portal_url(&bytes));
    note_error(&mut lock(&core.state), &app.app_id, answer.as_ref().err());
    core.note_change(Notice::State);
    if let Ok(portal_url) = &answer
        && switches.check_portal_page
    {
        let (core, portal_url) = (Arc::clone(core), portal_url.clone());
        let tasks = core.tasks.clone();
        tasks.spawn(async move { check_page(&core, &app, portal_url).await });
    }
    answer
}

/// The absolute address in the app's answer.
fn portal_url(bytes: &[u8]) -> Result<Url, EventError> {
    let bad = |reason: &str| EventError::BadAnswer(reason.to_owned());
    let body: Value = serde_json::from_slice(bytes).map_err(|_| bad("it is not JSON"))?;
    let text = body
        .get("portal_url")
        .and_then(Value::as_str)
        .ok_or_else(|| bad("it has no portal_url"))?;
    let url = Url::parse(text).map_err(|_| bad("its portal_url is not an absolute address"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("its portal_url is not an http or https address"));
    }
    Ok(url)
}

/// Fetches the page and notes when the dashboard may not frame it.
async fn check_page(core: &Arc<Core>, app: &App, portal_url: Url) {
    let mut record =
        core.begin_record(Direction::CloudToApp, "GET", masked(&portal_url, &app.slug));
    record.set(|record| record.app = Some(app.slug.clone()));
    record.details.path = plain(&portal_url);
    let request = core
        .client
        .get(portal_url)
        .timeout(core.event_timeout)
        .send();
    let Some(answer) = core.stop.run_until_cancelled(request).await else {
        return;
    };
    let (status, problem) = match answer {
        Ok(response) => {
            let status = response.status();
            let problem = if status.is_client_error() || status.is_server_error() {
                Some(format!("The portal page answered {}.", status.as_u16()))
            } else {
                framing_problem(response.headers(), &core.dashboard_origin())
            };
            (Some(status.as_u16()), problem)
        }
        Err(error) => (
            None,
            Some(format!("The portal page: {}", unreachable(error))),
        ),
    };
    let note = problem
        .clone()
        .unwrap_or_else(|| "The dashboard may show this page in its frame.".to_owned());
    record.finish(status, None, Some(note));
    if let (Some(problem), Some(app)) = (problem, lock(&core.state).app_mut(&app.app_id)) {
        app.last_error = Some(problem);
    }
    core.note_change(Notice::State);
}
