//! The dashboard: the page, and the JSON API behind it.

mod guard;
mod ledger;
mod live;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State as Extract};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::core::Core;
use crate::events;
use crate::lock;
use crate::pages::PageFile;
use crate::record::Notice;
use crate::registration::EventError;

/// The dashboard's routes.
pub(crate) fn router(core: &Arc<Core>) -> Router<Arc<Core>> {
    let api = Router::new()
        .route("/state", get(state))
        .route("/apps/{app_id}/install", post(install))
        .route("/installs/{installed_app_id}/launch", post(launch))
        .route("/installs/{installed_app_id}/uninstall", post(uninstall))
        .route("/ledger/{collection}", get(ledger::list))
        .route("/ledger/{collection}/{id}", get(ledger::detail))
        .route("/alerts", get(ledger::alerts))
        .route("/requests", get(live::requests))
        .route("/events", get(live::events))
        .route("/switches", get(switches).put(change_switches))
        .route("/reset", post(reset))
        .fallback(unknown);
    Router::new()
        .route("/", get(page))
        .route("/dashboard/assets/{name}", get(asset))
        .nest("/dashboard/api", api)
        .layer(from_fn_with_state(Arc::clone(core), guard::guard))
}

/// A refusal with its sentence.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<EventError> for Refusal {
    fn from(error: EventError) -> Self {
        let status = match error {
            EventError::UnknownApp | EventError::UnknownInstall | EventError::UnknownInstance => {
                StatusCode::NOT_FOUND
            }
            EventError::AlreadyInstalled { .. } | EventError::NotActive { .. } => {
                StatusCode::CONFLICT
            }
            EventError::NotRequested(_) => StatusCode::UNPROCESSABLE_ENTITY,
            EventError::Refused { .. }
            | EventError::TimedOut(_)
            | EventError::Unreachable(_)
            | EventError::BadAnswer(_) => StatusCode::BAD_GATEWAY,
        };
        Self(status, error.to_string())
    }
}

/// The body as JSON, whatever its declared type.
fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        Refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("The request makes no sense: {error}."),
        )
    })
}

fn not_found(what: &str) -> Refusal {
    Refusal(StatusCode::NOT_FOUND, format!("There is no such {what}."))
}

async fn unknown() -> Refusal {
    not_found("address")
}

async fn page() -> Response {
    file_response("index.html")
}

async fn asset(Path(name): Path<String>) -> Response {
    file_response(&name)
}

fn file_response(name: &str) -> Response {
    match PageFile::find(name) {
        Some(file) => (
            [(header::CONTENT_TYPE, file.media_type())],
            Body::from(file.content),
        )
            .into_response(),
        None => not_found("file").into_response(),
    }
}

async fn state(Extract(core): Extract<Arc<Core>>) -> Json<Value> {
    let switches = core.switches();
    Json(view::state(&lock(&core.state), &switches))
}

#[derive(Deserialize)]
struct InstallBody {
    #[serde(default)]
    granted: Vec<String>,
}

async fn install(
    Extract(core): Extract<Arc<Core>>,
    Path(app_id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let body: InstallBody = parse(&body)?;
    let granted: Vec<&str> = body.granted.iter().map(String::as_str).collect();
    let installed = events::install(&core, &app_id, &core.main_instance(), &granted).await?;
    shown_install(&core, &installed.installed_app_id)
}

async fn launch(
    Extract(core): Extract<Arc<Core>>,
    Path(installed_app_id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let portal_url = events::launch(&core, &installed_app_id).await?;
    Ok(Json(json!({ "portal_url": portal_url.as_str() })))
}

async fn uninstall(
    Extract(core): Extract<Arc<Core>>,
    Path(installed_app_id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    events::uninstall(&core, &installed_app_id).await?;
    shown_install(&core, &installed_app_id)
}

fn shown_install(core: &Core, installed_app_id: &str) -> Result<Json<Value>, Refusal> {
    let state = lock(&core.state);
    let install = state
        .install(installed_app_id)
        .ok_or_else(|| not_found("install"))?;
    Ok(Json(json!({ "install": view::install(install) })))
}

async fn switches(Extract(core): Extract<Arc<Core>>) -> Json<Value> {
    Json(json!(core.switches()))
}

async fn change_switches(
    Extract(core): Extract<Arc<Core>>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let changes: Map<String, Value> = parse(&body)?;
    let after = {
        let mut switches = lock(&core.switches);
        let after = switches.changed_by(&changes);
        let after =
            after.map_err(|error| Refusal(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
        switches.clone_from(&after);
        after
    };
    core.note_change(Notice::State);
    Ok(Json(json!(after)))
}

async fn reset(Extract(core): Extract<Arc<Core>>) -> Json<Value> {
    lock(&core.state).reset();
    core.note_change(Notice::Ledger);
    core.note_change(Notice::State);
    Json(json!({ "ok": true }))
}

/// Paging of the dashboard's own lists.
#[derive(Deserialize)]
struct Paging {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: Option<usize>,
    #[serde(default)]
    page_size: Option<usize>,
}

type PagingQuery = Query<Paging>;
