//! What Cloud tells apps: install, uninstall and launch, and the probe at registration.

mod frame;
mod launch;
mod register;
mod send;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub(crate) use launch::launch;
pub(crate) use register::register;

use crate::core::Core;
use crate::ids::{self, Ids, ORGANIZATION_ID};
use crate::lock;
use crate::record::Notice;
use crate::registration::{EventError, InstallState, Installed};
use crate::scope::Scope;
use crate::state::{App, Install, InstallStatus, Key, KeyStatus, State};
use send::{Event, deliver};

/// Installs an app on an instance: mints a key, tells the app, and keeps both only if the app
/// answers with success in time. Otherwise the install is cancelled and the key revoked.
pub(crate) async fn install(
    core: &Arc<Core>,
    app_id: &str,
    instance_id: &str,
    granted: &[&str],
) -> Result<Installed, EventError> {
    let switches = core.switches();
    let api_key = ids::api_key();
    let (app, install) = {
        let mut state = lock(&core.state);
        begin_install(
            &mut state,
            app_id,
            instance_id,
            granted,
            &api_key,
            switches.reuse_installed_app_id,
        )?
    };
    if switches.key_live_before_answer {
        lock(&core.state).keys.set_status(&api_key, KeyStatus::Live);
    }
    core.note_change(Notice::State);

    let mut body = subject(&install, switches.legacy_fields);
    body.insert("api_key".to_owned(), json!(api_key));
    body.insert("api_key_prefix".to_owned(), json!(install.api_key_prefix));
    body.insert("granted_permissions".to_owned(), json!(install.granted));
    let event = Event {
        address: app.callback_url.clone(),
        idempotency_key: Some(format!("install:{}", install.installed_app_id)),
        body,
    };
    // Settled even when the caller of this function goes away in the middle.
    let settling = Settling {
        core: Arc::clone(core),
        install,
        api_key,
    };
    let (guard_core, app_for_task) = (Arc::clone(core), app);
    let task = core.tasks.spawn(async move {
        let answer = deliver(&guard_core, &app_for_task, event).await;
        settling.settle(answer.map(|_| ()))
    });
    task.await.unwrap_or_else(|_| Err(stopped()))
}

/// Makes the pending install and its waiting key.
fn begin_install(
    state: &mut State,
    app_id: &str,
    instance_id: &str,
    granted: &[&str],
    api_key: &str,
    reuse_id: bool,
) -> Result<(App, Install), EventError> {
    let app = state.app(app_id).cloned().ok_or(EventError::UnknownApp)?;
    if state.ledger_mut(instance_id).is_none() {
        return Err(EventError::UnknownInstance);
    }
    let granted = granted_scopes(&app, granted)?;
    let before = state.newest_install(app_id, instance_id).cloned();
    if let Some(before) = &before
        && matches!(
            before.status,
            InstallStatus::Pending | InstallStatus::Active
        )
    {
        return Err(EventError::AlreadyInstalled {
            status: InstallState(before.status),
        });
    }
    let reused = before
        .filter(|_| reuse_id)
        .map(|before| before.installed_app_id);
    if let Some(id) = &reused {
        state
            .installs
            .retain(|install| install.installed_app_id != *id);
    }
    let install = Install {
        installed_app_id: reused.unwrap_or_else(|| Ids::Random.next("instapp_")),
        app_id: app_id.to_owned(),
        instance_id: instance_id.to_owned(),
        status: InstallStatus::Pending,
        granted: granted.clone(),
        installed_at: ids::now(),
        api_key_prefix: ids::key_prefix(api_key),
    };
    state.installs.push(install.clone());
    state.keys.insert(
        api_key.to_owned(),
        Key {
            prefix: install.api_key_prefix.clone(),
            installed_app_id: Some(install.installed_app_id.clone()),
            instance_id: instance_id.to_owned(),
            granted,
            status: KeyStatus::Waiting,
        },
    );
    Ok((app, install))
}

/// The granted scopes in the order of the form; the user may grant fewer than were asked for.
fn granted_scopes(app: &App, names: &[&str]) -> Result<Vec<Scope>, EventError> {
    let mut scopes = Vec::new();
    for name in names {
        let scope = Scope::parse(name)
            .filter(|scope| app.permissions.iter().any(|(asked, _)| asked == scope));
        let scope = scope.ok_or_else(|| EventError::NotRequested((*name).to_owned()))?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes.sort();
    Ok(scopes)
}

/// An install whose event is on its way.
struct Settling {
    core: Arc<Core>,
    install: Install,
    api_key: String,
}

impl Settling {
    fn settle(self, answer: Result<(), EventError>) -> Result<Installed, EventError> {
        let Self {
            core,
            install,
            api_key,
        } = self;
        let error = answer.err();
        let (status, key_status) = match error {
            None => (InstallStatus::Active, KeyStatus::Live),
            Some(_) => (InstallStatus::Cancelled, KeyStatus::Revoked),
        };
        {
            let mut state = lock(&core.state);
            if let Some(stored) = state.install_mut(&install.installed_app_id) {
                stored.status = status;
            }
            state.keys.set_status(&api_key, key_status);
            note_error(&mut state, &install.app_id, error.as_ref());
        }
        core.note_change(Notice::State);
        match error {
            Some(error) => Err(error),
            None => Ok(Installed {
                api_key_prefix: install.api_key_prefix,
                granted: install
                    .granted
                    .iter()
                    .map(|scope| scope.name().to_owned())
                    .collect(),
                installed_app_id: install.installed_app_id,
                app_id: install.app_id,
                instance_id: install.instance_id,
                api_key,
            }),
        }
    }
}

/// Tells the app that it was uninstalled. Only its success ends the install and revokes the key.
/// Goes on to its end although the caller goes away.
pub(crate) async fn uninstall(core: &Arc<Core>, installed_app_id: &str) -> Result<(), EventError> {
    let (task_core, id) = (Arc::clone(core), installed_app_id.to_owned());
    let task = core
        .tasks
        .spawn(async move { run_uninstall(&task_core, &id).await });
    task.await.unwrap_or_else(|_| Err(stopped()))
}

async fn run_uninstall(core: &Arc<Core>, installed_app_id: &str) -> Result<(), EventError> {
    let switches = core.switches();
    let (app, install) = active_install(core, installed_app_id)?;
    let now: Timestamp = ids::now();
    let mut body = subject(&install, switches.legacy_fields);
    body.insert("uninstalled_at".to_owned(), json!(now.to_string()));
    let idempotency_key = Some(format!("uninstall:{installed_app_id}"));
    let event = Event {
        address: app.callback_url.clone(),
        idempotency_key,
        body,
    };
    let answer = deliver(core, &app, event).await.map(|_| ());
    {
        let mut state = lock(&core.state);
        if answer.is_ok() {
            if let Some(stored) = state.install_mut(installed_app_id) {
                stored.status = InstallStatus::Uninstalled;
            }
            state.keys.revoke_install(installed_app_id);
        }
        note_error(&mut state, &app.app_id, answer.as_ref().err());
    }
    core.note_change(Notice::State);
    answer
}

fn stopped() -> EventError {
    EventError::Unreachable("the simulated Cloud was stopped".to_owned())
}

fn active_install(core: &Core, installed_app_id: &str) -> Result<(App, Install), EventError> {
    let state = lock(&core.state);
    let install = state
        .install(installed_app_id)
        .cloned()
        .ok_or(EventError::UnknownInstall)?;
    if install.status != InstallStatus::Active {
        return Err(EventError::NotActive {
            status: InstallState(install.status),
        });
    }
    let app = state
        .app(&install.app_id)
        .cloned()
        .ok_or(EventError::UnknownApp)?;
    Ok((app, install))
}

fn note_error(state: &mut State, app_id: &str, error: Option<&EventError>) {
    if let Some(app) = state.app_mut(app_id) {
        app.last_error = error.map(ToString::to_string);
    }
}

/// The fields that every event begins with.
fn subject(install: &Install, legacy_fields: bool) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert(
        "installed_app_id".to_owned(),
        json!(install.installed_app_id),
    );
    body.insert("app_id".to_owned(), json!(install.app_id));
    body.insert("instance_id".to_owned(), json!(install.instance_id));
    if legacy_fields {
        body.insert("organization_id".to_owned(), json!(ORGANIZATION_ID));
    }
    body
}
