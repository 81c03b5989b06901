//! What the dashboard shows of the state. No key is in here, only the prefix that may be shown.

use serde_json::{Value, json};

use crate::ids::{ORGANIZATION_ID, USER_ID};
use crate::scope::Scope;
use crate::state::{App, Install, State};
use crate::switches::Switches;

/// The whole first screen.
pub(super) fn state(state: &State, switches: &Switches) -> Value {
    let instance = state.instances.first();
    let (instance_id, name) = instance.map_or(("", ""), |instance| {
        (instance.instance_id.as_str(), instance.name.as_str())
    });
    let apps = state
        .apps
        .iter()
        .map(|known| app(known, state.newest_install(&known.app_id, instance_id)));
    json!({
        "workspace": { "name": "Example Workspace", "organization_id": ORGANIZATION_ID },
        "instance": { "instance_id": instance_id, "name": name },
        "user": { "user_id": USER_ID, "name": "Dana Reviewer" },
        "apps": apps.collect::<Vec<Value>>(),
        "switches": switches,
    })
}

fn app(app: &App, newest: Option<&Install>) -> Value {
    let permission = |(scope, purpose): &(Scope, String)| json!({ "scope": scope, "label": scope.label(), "purpose": purpose });
    json!({
        "app_id": app.app_id,
        "slug": app.slug,
        "name": app.name,
        "description": app.description,
        "developer": app.developer,
        "version": app.version,
        "status": "registered",
        "registration": { "ok": app.registration_problem.is_none(), "message": app.registration_problem },
        "permissions": app.permissions.iter().map(permission).collect::<Vec<Value>>(),
        "install": newest.map(install),
        "last_error": app.last_error,
    })
}

/// One install.
pub(super) fn install(install: &Install) -> Value {
    json!({
        "installed_app_id": install.installed_app_id,
        "status": install.status,
        "granted": install.granted,
        "installed_at": install.installed_at.to_string(),
        "api_key_prefix": install.api_key_prefix,
    })
}
