//! A launch: Cloud asks for the address of a portal, and gets one that works once, for two minutes.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::timeout;

use super::Web;
use super::callback::CloudRequest;
use super::error::WebError;
use crate::install::{ActiveInstall, Attempt, EndpointKind, LaunchRefused, LaunchRequest};
use crate::intake::Proved;
use crate::runtime::{AppStatus, CallFailure};

/// How long a launch waits for the proof of a key that is still pending.
const PROOF_PATIENCE: Duration = Duration::from_secs(2);

/// Makes the portal's address. Every refusal is the one 404.
pub(super) async fn create(
    State(web): State<Web>,
    address: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, WebError> {
    let (slug, body) =
        match CloudRequest::read(&web, EndpointKind::Portal, address, request).await? {
            CloudRequest::Probe(answer) => return Ok(answer),
            CloudRequest::Message { slug, body, .. } => (slug, body),
        };
    let launch = LaunchRequest::parse(slug, &body)?;
    let install = active_install(&web, &launch).await?;
    require_serving(&web, &install)?;
    let token = web
        .signer()
        .issue_launch(&launch.claims(&install), web.now());
    let portal_url = format!("{}/enter?token={}", web.origin(), token.as_str());
    Ok(Json(json!({ "portal_url": portal_url })).into_response())
}

/// The install that the launch names, if it is active. One that is still pending is proven on the spot, once.
async fn active_install(web: &Web, launch: &LaunchRequest) -> Result<ActiveInstall, WebError> {
    let attempt = match web.installs().active_for(launch).await {
        Ok(install) => return Ok(install),
        Err(LaunchRefused::Unproven(attempt)) => *attempt,
        Err(refused) => return Err(refusal(refused)),
    };
    prove(web, attempt).await?;
    web.installs().active_for(launch).await.map_err(refusal)
}

/// Asks Cloud about the key of an attempt, in a task of its own: a caller who hangs up must not cut the activation.
async fn prove(web: &Web, attempt: Attempt) -> Result<(), WebError> {
    let intake = web.0.parts.intake.clone();
    let proving = web
        .0
        .parts
        .tasks
        .spawn(async move { intake.prove(attempt).await });
    match timeout(PROOF_PATIENCE, proving).await {
        Ok(Ok(Ok(Proved::Accepted | Proved::Changed))) => Ok(()),
        Ok(Ok(Ok(Proved::Refused))) => Err(WebError::LaunchRefused),
        // Nothing is known about the key, so the launch may come again.
        Ok(Ok(Ok(Proved::Unanswered))) | Err(_) => Err(WebError::Unavailable(anyhow::anyhow!(
            "Cloud did not answer while a key was being proven"
        ))),
        Ok(Ok(Err(error))) => Err(WebError::Unavailable(
            anyhow::Error::new(error).context("activating an install"),
        )),
        Ok(Err(join)) => Err(WebError::Internal(join.into())),
    }
}

fn refusal(refused: LaunchRefused) -> WebError {
    match refused {
        LaunchRefused::Unknown | LaunchRefused::Unproven(_) => WebError::LaunchRefused,
        LaunchRefused::Stale(stale) => WebError::Unavailable(stale.into()),
        LaunchRefused::Unavailable(error) => {
            WebError::Unavailable(anyhow::Error::new(error).context("reading the installs"))
        }
    }
}

/// Nobody is let into an app that can't answer. Where its quarantine is over, somebody must be, to find out.
fn require_serving(web: &Web, install: &ActiveInstall) -> Result<(), WebError> {
    let app = web
        .runtime()
        .registry()
        .find(install.slug())
        .ok_or(WebError::AppNotServing)?;
    if app.status() != AppStatus::Serving {
        return Err(WebError::AppNotServing);
    }
    let shut = web.runtime().shut(&app).filter(|shut| shut.app_wide);
    match shut.and_then(|shut| shut.left) {
        Some(retry_after) => Err(WebError::Call(CallFailure::Quarantined { retry_after })),
        None => Ok(()),
    }
}
