//! Health, readiness, and facts about the host.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tracing::error;

use super::guard::refuse;
use super::{AdminParts, Reports};
use crate::model::Slug;
use crate::store::{StoreError, key_check};

/// The process runs and answers. Says nothing about what it needs.
pub(super) async fn health() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// Whether requests can be served: the host is not stopping, every app of the start was compiled or refused, and the
/// database answers. A broken app makes no host unready, it only serves nobody.
pub(super) async fn ready(State(parts): State<AdminParts>) -> Response {
    if parts.stopping.is_cancelled() {
        let body = json!({ "status": "not ready", "reason": "the host is stopping" });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    }
    let starting = parts.runtime.starting();
    if starting > 0 {
        let reason = format!("apps that are compiled for the first time: {starting}");
        let body = json!({ "status": "not ready", "reason": reason });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    }
    match read_database(&parts).await {
        Ok(()) => Json(json!({ "status": "ready", "database": "ok" })).into_response(),
        Err(error) => {
            error!(
                error = &error as &dyn std::error::Error,
                "Not ready: the database does not answer"
            );
            let body = json!({ "status": "not ready", "database": "does not answer" });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

/// One small read, to its end.
async fn read_database(parts: &AdminParts) -> Result<(), StoreError> {
    let mut connection = parts.installs.database().read().await?;
    key_check::find(&mut connection).await.map(drop)
}

/// Version, time, and how many apps and installs there are in which state.
pub(super) async fn info(State(parts): State<AdminParts>) -> Response {
    let installs = match parts.installs.list().await {
        Ok(installs) => installs,
        Err(error) => return unavailable(&error),
    };
    let by_status = installs
        .iter()
        .fold(BTreeMap::<_, usize>::new(), |mut counts, row| {
            *counts.entry(row.status.as_str()).or_default() += 1;
            counts
        });
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "time": parts.clock.now().to_string(),
        "apps": Reports::new(&parts).app_counts(),
        "installs": by_status,
    }))
    .into_response()
}

/// What `apps list` shows.
pub(super) async fn apps(State(parts): State<AdminParts>) -> Response {
    Json(Reports::new(&parts).apps()).into_response()
}

/// What `apps show` shows, the two addresses with their secrets among it.
pub(super) async fn app(
    State(parts): State<AdminParts>,
    slug: Result<Path<String>, PathRejection>,
) -> Response {
    let Some(slug) = slug.ok().and_then(|Path(text)| Slug::parse(text).ok()) else {
        return nothing_here().await;
    };
    match Reports::new(&parts).app(&slug).await {
        Ok(Some(report)) => Json(report).into_response(),
        Ok(None) => nothing_here().await,
        Err(error) => unavailable(&error),
    }
}

/// What `installs list` shows.
pub(super) async fn installs(State(parts): State<AdminParts>) -> Response {
    match Reports::new(&parts).installs().await {
        Ok(lines) => Json(lines).into_response(),
        Err(error) => unavailable(&error),
    }
}

/// What `keys status` shows.
pub(super) async fn keys(State(parts): State<AdminParts>) -> Response {
    match parts.installs.key_status().await {
        Ok(keys) => Json(keys).into_response(),
        Err(error) => unavailable(&error),
    }
}

pub(super) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Response {
    error!(error, "The database does not answer the operator");
    refuse(
        StatusCode::SERVICE_UNAVAILABLE,
        "The database does not answer",
    )
}

/// Unknown addresses.
pub(super) async fn nothing_here() -> Response {
    refuse(StatusCode::NOT_FOUND, "Not found")
}

/// A bug, told as one. The payload stays where the panic hook put it.
pub(super) fn panicked(_payload: Box<dyn std::any::Any + Send>) -> Response {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
}
