//! The shell: the host's own page around an app's page, which it holds in a sandboxed frame.

use axum::extract::State;
use axum::response::Response;

use super::answer::Framed;
use super::error::WebError;
use super::extract::Portal;
use super::{Web, page};
use crate::runtime::AppStatus;

const SHELL: &str = include_str!("pages/shell.html");

/// Shows the portal of a session.
pub(super) async fn show(State(web): State<Web>, portal: Portal) -> Result<Response, WebError> {
    let slug = portal.install().slug();
    let app = web
        .runtime()
        .registry()
        .find(slug)
        .ok_or(WebError::AppNotServing)?;
    let package = app
        .package()
        .filter(|_| app.status() == AppStatus::Serving)
        .ok_or(WebError::AppNotServing)?;
    // Before the address is told: the page may be asked for when another version serves.
    package.page().is_needed_until(portal.session().expires());
    let filled = page::fill(
        SHELL,
        &[
            ("name", &package.manifest().name),
            ("app", slug.as_str()),
            ("digest", package.digest()),
            (
                "live",
                if web.settings().development {
                    "yes"
                } else {
                    "no"
                },
            ),
        ],
    );
    let mut response = page::html(filled);
    response.extensions_mut().insert(Framed(slug.clone()));
    Ok(response)
}
