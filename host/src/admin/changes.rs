//! What the operator changes: addresses, pins, and the key that everything is sealed under.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::guard::refuse;
use super::routes::{nothing_here, unavailable};
use super::{AdminParts, Reports};
use crate::install::{KeyUseError, Rotated, WrongKeys};
use crate::model::Slug;

type SlugPath = Result<Path<String>, PathRejection>;

/// `apps rotate-urls APP`: new addresses beside those that work already.
pub(super) async fn rotate_urls(State(parts): State<AdminParts>, slug: SlugPath) -> Response {
    let Some(slug) = parsed(slug) else {
        return nothing_here().await;
    };
    match parts.endpoints.rotate(&slug).await {
        Ok(rotated) => addresses(&parts, &slug, rotated).await,
        Err(error) => unavailable(&error),
    }
}

/// `apps rotate-urls APP --retire`: the addresses before the newest work no more.
pub(super) async fn retire_urls(State(parts): State<AdminParts>, slug: SlugPath) -> Response {
    let Some(slug) = parsed(slug) else {
        return nothing_here().await;
    };
    match parts.endpoints.retire(&slug).await {
        Ok(rotated) => addresses(&parts, &slug, rotated).await,
        Err(error) => unavailable(&error),
    }
}

async fn addresses(parts: &AdminParts, slug: &Slug, rotated: Rotated) -> Response {
    match rotated {
        Rotated::Retired(0) => refuse(StatusCode::CONFLICT, "There are no older addresses"),
        Rotated::Made | Rotated::Retired(_) => {
            Json(Reports::new(parts).addresses(slug)).into_response()
        }
        Rotated::Two => refuse(StatusCode::CONFLICT, "The older addresses still work"),
        Rotated::Unknown => nothing_here().await,
    }
}

/// `apps unpin APP`: the next proven install decides which `app_id` the app has.
pub(super) async fn unpin(State(parts): State<AdminParts>, slug: SlugPath) -> Response {
    let Some(slug) = parsed(slug) else {
        return nothing_here().await;
    };
    match parts.installs.unpin(&slug).await {
        Ok(Some(app)) => {
            Json(json!({ "slug": slug.as_str(), "app_id": app.as_str() })).into_response()
        }
        Ok(None) => nothing_here().await,
        Err(error) => unavailable(&error),
    }
}

/// `keys rotate`: one step of it.
pub(super) async fn rotate_keys(State(parts): State<AdminParts>) -> Response {
    match parts.installs.rotate().await {
        Ok(step) => Json(step).into_response(),
        Err(WrongKeys::Use(KeyUseError::WornOut(_))) => refuse(
            StatusCode::CONFLICT,
            "The newest master key was used as often as it may be",
        ),
        Err(error @ (WrongKeys::Wrong | WrongKeys::Other(_) | WrongKeys::Missing(_))) => {
            refuse(StatusCode::CONFLICT, &error.to_string())
        }
        Err(error) => unavailable(&error),
    }
}

pub(super) fn parsed(slug: SlugPath) -> Option<Slug> {
    slug.ok().and_then(|Path(text)| Slug::parse(text).ok())
}
