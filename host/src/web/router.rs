//! Every address of the public listener.

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::error::WebError;
use super::{Web, answer, assets, callback, enter, events, launch, portal, session, shell};

/// The public listener's routes, with everything around them.
pub fn router(web: Web) -> Router {
    let routes = Router::new()
        // For Cloud alone: the secret in the address is asked for before the method.
        .route("/api/callback/{app}/{secret}", any(callback::receive))
        .route("/api/portal/{app}/{secret}", any(launch::create))
        // A person's way in.
        .route("/enter", get(enter::show))
        .route("/session", post(session::open))
        .route("/s/{sid}/", get(shell::show))
        .route("/s/{sid}/events", get(events::stream))
        .route("/s/{sid}/api/", any(portal::handle))
        .route("/s/{sid}/api/{*path}", any(portal::handle))
        // Public code.
        .route("/ui/{app}/{digest}/{*path}", get(assets::ui))
        .route("/airlock.js", get(assets::channel))
        .route("/assets/{name}", get(assets::own))
        .fallback(nothing_here)
        .method_not_allowed_fallback(other_method);
    wrap(routes, web)
}

/// What goes around every route: panics become answers, and all answers are finished.
pub(super) fn wrap(routes: Router<Web>, web: Web) -> Router {
    routes
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(web.clone(), answer::finish))
        .with_state(web)
}

async fn nothing_here() -> WebError {
    WebError::NotFound
}

/// The address is known by its public shape, so its methods are no secret.
async fn other_method(request: Request) -> WebError {
    let post_only = request.uri().path() == "/session";
    WebError::MethodNotAllowed(if post_only { "POST" } else { "GET, HEAD" })
}

fn panicked(_payload: Box<dyn std::any::Any + Send>) -> Response {
    WebError::Panicked.into_response()
}
