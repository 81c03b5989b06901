//! What stands before every dashboard route: the host's name, the caller's site, the headers.

use std::sync::Arc;

use axum::extract::{Request, State as Extract};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Refusal;
use crate::core::Core;

/// Headers of every dashboard answer. Apps live on other sites, so frames may show any.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; frame-src http: https:; object-src 'none'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Refuses foreign names and foreign sites, and adds the headers to whatever is answered.
pub(super) async fn guard(
    Extract(core): Extract<Arc<Core>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match check(&core, request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The dashboard has no password, so another site must not be able to press its buttons, neither
/// from its own pages nor under a name of its own that points here.
fn check(core: &Core, method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let port = core.address.port();
    let ip = core.address.ip().to_string();
    let names = [
        core.public_host.as_str(),
        "localhost",
        "127.0.0.1",
        "[::1]",
        ip.as_str(),
    ];
    let authorities = names.map(|name| format!("{name}:{port}"));
    let host = text(header::HOST).unwrap_or_default();
    if !authorities.iter().any(|authority| authority == host) {
        return Err(Refusal(
            StatusCode::MISDIRECTED_REQUEST,
            "The dashboard does not go by this name.".to_owned(),
        ));
    }
    if method.is_safe() {
        return Ok(());
    }
    let foreign = || {
        Refusal(
            StatusCode::FORBIDDEN,
            "Only the dashboard's own page may do this.".to_owned(),
        )
    };
    if text(HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site != "same-origin") {
        return Err(foreign());
    }
    // Both missing means no browser: curl may.
    if text(header::ORIGIN).is_some_and(|origin| origin != format!("http://{host}")) {
        return Err(foreign());
    }
    Ok(())
}
