//! The operator's side: a listener of its own, on loopback by default, with health, readiness and facts about the host.
//!
//! `GET /health`: the process answers. `GET /ready`: it can serve, or 503 saying what is missing. Everything else wants
//! the admin token: `GET /info` counts apps and installs, `GET /apps`, `GET /apps/{slug}`, `GET /installs` and `GET /keys`
//! are what the operator's commands show, and what they change is posted to `/apps/{slug}/rotate-urls`, `retire-urls`,
//! `unpin`, `reload`, `disable` and `enable`, to `/reload`, and to `/keys/rotate` (a hundred values at a time). `GET /openapi.json` describes both listeners.
//! Nothing of all this exists on the public listener.

mod changes;
mod guard;
mod openapi;
mod reports;
mod routes;
mod switching;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use url::Url;

use crate::install::{Endpoints, Installs, Switches};
use crate::model::Clock;
use crate::runtime::Runtime;

pub use guard::refuse_heads as refuse;
pub use reports::{
    AddressReport, AppCounts, AppLine, AppReport, AskedPermission, InstallLine, OlderAddress,
    ReloadLine, Reports, install_line,
};

/// The parts that the admin floor is built from.
#[derive(Clone)]
pub struct AdminParts {
    /// The installs and their lifecycle.
    pub installs: Installs,
    /// The secrets in Cloud's addresses: the operator registers them.
    pub endpoints: Endpoints,
    /// Which apps are switched off.
    pub switches: Switches,
    /// The apps.
    pub runtime: Runtime,
    /// How the world reaches the public listener, once that is known.
    pub public_url: Option<Url>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What a caller must show for everything but health and readiness. Without one, nobody is let in.
    pub token: Option<AdminToken>,
    /// Cancelled when the host begins to drain: it is not ready from then on.
    pub stopping: CancellationToken,
}

/// The admin token, kept as its digest: nothing here can tell the token itself.
#[derive(Clone)]
pub struct AdminToken([u8; 32]);

impl AdminToken {
    /// From the token's text. None for fewer than 32 bytes, which is no secret.
    pub fn new(token: &str) -> Option<Self> {
        (token.len() >= 32).then(|| Self(Sha256::digest(token.as_bytes()).into()))
    }

    /// Whether this is the token. Compared in constant time.
    fn matches(&self, shown: &str) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown.as_bytes()).into();
        self.0.ct_eq(&shown).into()
    }
}

impl std::fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminToken([redacted])")
    }
}

/// The admin listener's routes, with the guard around them.
pub fn router(parts: AdminParts) -> Router {
    let operators_only = Router::new()
        .route("/info", get(routes::info))
        .route("/apps", get(routes::apps))
        .route("/apps/{slug}", get(routes::app))
        .route("/apps/{slug}/rotate-urls", post(changes::rotate_urls))
        .route("/apps/{slug}/retire-urls", post(changes::retire_urls))
        .route("/apps/{slug}/unpin", post(changes::unpin))
        .route("/apps/{slug}/reload", post(switching::reload))
        .route("/apps/{slug}/disable", post(switching::disable))
        .route("/apps/{slug}/enable", post(switching::enable))
        .route("/reload", post(switching::reload_all))
        .route("/installs", get(routes::installs))
        .route("/keys", get(routes::keys))
        .route("/keys/rotate", post(changes::rotate_keys))
        .route("/openapi.json", get(openapi::show))
        .route_layer(from_fn_with_state(parts.clone(), guard::require_token));
    Router::new()
        .route("/health", get(routes::health))
        .route("/ready", get(routes::ready))
        .merge(operators_only)
        .fallback(routes::nothing_here)
        .layer(CatchPanicLayer::custom(routes::panicked))
        .layer(from_fn(guard::guard))
        .with_state(parts)
}

#[cfg(test)]
mod tests;
