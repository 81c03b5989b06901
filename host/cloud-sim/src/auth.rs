//! Who calls and whether they may: bearer, then instance, then scope.

use axum::http::{HeaderMap, header};

use crate::api::Answer;
use crate::api::Route;
use crate::query::Query;
use crate::state::{Key, Keys, State};

/// A caller whose key works.
pub(crate) struct Caller {
    pub(crate) key: Key,
    /// The slug of the app that the key was given to.
    pub(crate) app: Option<String>,
}

/// Finds the caller by the bearer key.
pub(crate) fn caller(state: &State, headers: &HeaderMap) -> Result<Caller, Answer> {
    let header = headers.get(header::AUTHORIZATION);
    let header =
        header.ok_or_else(|| Answer::cloud_error(401, "Authorization header is required"))?;
    let key = header
        .to_str()
        .ok()
        .and_then(|text| bearer(&state.keys, text));
    let key = key.ok_or_else(|| Answer::cloud_error(401, "Invalid API key"))?;
    let install = key
        .installed_app_id
        .as_deref()
        .and_then(|id| state.install(id));
    let app = install
        .and_then(|install| state.app(&install.app_id))
        .map(|app| app.slug.clone());
    Ok(Caller {
        key: key.clone(),
        app,
    })
}

fn bearer<'a>(keys: &'a Keys, header: &str) -> Option<&'a Key> {
    let (scheme, api_key) = header.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| keys.live(api_key.trim()))?
}

/// Checks that the caller may use the route on the instance that it names.
pub(crate) fn check(
    caller: &Caller,
    route: &Route,
    query: &Query,
    alerts_need_instance: bool,
) -> Result<(), Answer> {
    match query.get("instance_id").filter(|id| !id.is_empty()) {
        Some(id) if id != caller.key.instance_id => {
            return Err(Answer::cloud_error(
                403,
                "API key is not valid for this instance",
            ));
        }
        None if !route.is_alerts() || alerts_need_instance => {
            return Err(Answer::cloud_error(400, "instance_id is required"));
        }
        _ => {}
    }
    let scope = route.scope();
    if caller.key.granted.contains(&scope) {
        return Ok(());
    }
    Err(Answer::cloud_error(
        403,
        format!("Insufficient permissions: {} required", scope.name()),
    ))
}
