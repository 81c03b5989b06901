//! What the operator does with packages: look at them now, switch their apps off and on.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};

use super::changes::parsed;
use super::routes::{nothing_here, unavailable};
use super::{AdminParts, Reports};
use crate::install::EndpointKind;
use crate::model::Slug;
use crate::runtime::{AppStatus, Change};

type SlugPath = Result<Path<String>, PathRejection>;

/// `apps reload`: looks at every package now.
pub(super) async fn reload_all(State(parts): State<AdminParts>) -> Response {
    let changes = parts.runtime.reload_all().await;
    let slugs = changes.iter().map(|(slug, _)| slug);
    if let Err(error) = make_addresses(&parts, slugs).await {
        return error;
    }
    let reports = Reports::new(&parts);
    let lines = changes.iter();
    Json(
        lines
            .map(|(slug, change)| reports.reloaded(slug, *change))
            .collect::<Vec<_>>(),
    )
    .into_response()
}

/// `apps reload APP`: looks at one package now.
pub(super) async fn reload(State(parts): State<AdminParts>, slug: SlugPath) -> Response {
    let Some(slug) = parsed(slug) else {
        return nothing_here().await;
    };
    let change = parts.runtime.reload(&slug).await;
    if change != Change::Removed && parts.runtime.registry().find(&slug).is_none() {
        return nothing_here().await;
    }
    if let Err(error) = make_addresses(&parts, [&slug]).await {
        return error;
    }
    Json(Reports::new(&parts).reloaded(&slug, change)).into_response()
}

/// Apps that were dropped in a moment ago are shown with their addresses.
async fn make_addresses(
    parts: &AdminParts,
    slugs: impl IntoIterator<Item = &Slug>,
) -> Result<(), Response> {
    let is_there = |slug: &&Slug| parts.runtime.registry().find(slug).is_some();
    let there: Vec<Slug> = slugs.into_iter().filter(is_there).cloned().collect();
    let made = parts.endpoints.ensure_all(there).await;
    made.map_err(|error| unavailable(&error))
}

/// `apps disable APP`: it serves nobody until it is enabled.
pub(super) async fn disable(State(parts): State<AdminParts>, slug: SlugPath) -> Response {
    let Some(slug) = parsed(slug).filter(|slug| is_known(&parts, slug)) else {
        return nothing_here().await;
    };
    match parts.switches.disable(&slug).await {
        Ok(_) => {
            follow_switches(&parts);
            let app = parts.runtime.registry().find(&slug);
            let is_off = app.is_some_and(|app| app.status() == AppStatus::Disabled);
            // It is off whatever is still under way for it, and nobody needs to wait for that.
            let change = if is_off {
                Change::Off
            } else {
                Change::Unchanged
            };
            answered(&parts, &slug, change)
        }
        Err(error) => unavailable(&error),
    }
}

/// `apps enable APP`: it serves again, unless its package or the configuration has something against it.
pub(super) async fn enable(State(parts): State<AdminParts>, slug: SlugPath) -> Response {
    let Some(slug) = parsed(slug).filter(|slug| is_known(&parts, slug)) else {
        return nothing_here().await;
    };
    match parts.switches.enable(&slug).await {
        // Answered when it has come true here.
        Ok(_) => {
            follow_switches(&parts);
            let change = parts.runtime.reload(&slug).await;
            answered(&parts, &slug, change)
        }
        Err(error) => unavailable(&error),
    }
}

fn follow_switches(parts: &AdminParts) {
    parts.runtime.switch_off(|| parts.switches.off());
}

/// An app may be known by its addresses or its switch alone.
fn answered(parts: &AdminParts, slug: &Slug, change: Change) -> Response {
    Json(Reports::new(parts).reloaded(slug, change)).into_response()
}

/// Whether there is, or was, an app of that name.
fn is_known(parts: &AdminParts, slug: &Slug) -> bool {
    parts.runtime.registry().find(slug).is_some()
        || parts
            .endpoints
            .newest(EndpointKind::Callback, slug)
            .is_some()
        || parts.switches.off().contains(slug)
}
