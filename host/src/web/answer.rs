//! The layer around every route: guards before, headers, error bodies and the log line after. Nothing passes by it.

use std::time::Instant;

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, UPGRADE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{debug, error, info, warn};

use super::client::Client;
use super::error::{Failure, WebError};
use super::headers::Surface;
use super::in_flight::UnderWay;
use super::{Web, page};
use crate::model::Slug;
use crate::secret::random_hex;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
/// Longest address that is looked at, in bytes.
const MAX_ADDRESS: usize = super::path::MAX_TARGET;

/// Marks a shell with the app that it holds: its policy allows frames of that app's files.
#[derive(Debug, Clone)]
pub(super) struct Framed(pub(super) Slug);

/// Guards, then the route, then what all answers have in common.
pub(super) async fn finish(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = request_id();
    let method = request.method().clone();
    let surface = Surface::of(request.uri().path());
    let template = request.extensions().get::<MatchedPath>().cloned();
    let client = Client::of(&request, &web.settings().trusted_proxies);
    request.extensions_mut().insert(client);

    let admitted = guard(&web, &request).and_then(|()| count(&web, &request, client));
    let (mut response, under_way) = match admitted {
        Ok(under_way) => (next.run(request).await, under_way),
        Err(error) => (error.into_response(), None),
    };

    let mut failure = response.extensions_mut().remove::<Failure>();
    let stranger = failure
        .as_ref()
        .is_some_and(|failure| failure.0.is_of_a_stranger());
    if stranger && let Err(error) = web.rates().unknown(client) {
        response = error.into_response();
        failure = response.extensions_mut().remove::<Failure>();
    }
    if let Some(failure) = &failure {
        write_error(&failure.0, surface, &request_id, &mut response);
    }
    if method == Method::HEAD {
        drop_body(&mut response);
    }
    let framed = response.extensions_mut().remove::<Framed>();
    let status = response.status();
    web.0.headers.apply(
        surface,
        framed.as_ref().map(|framed| &framed.0),
        status,
        response.headers_mut(),
    );
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }

    // Anybody can be refused so as often as they like, which must not fill the log.
    let is_flood = !stranger
        && failure.is_some()
        && matches!(
            status,
            StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST
        )
        && web.rates().unknown(client).is_err();
    debug!(client = %client.0, request.id = request_id, "Answered a client");
    // The template, never the address: addresses carry secrets and tokens.
    let route = template.as_ref().map_or("none", MatchedPath::as_str);
    log(
        &method,
        route,
        &response,
        failure.as_ref(),
        is_flood,
        &request_id,
        started,
    );
    match under_way {
        Some(under_way) => under_way.until_sent(response),
        None => response,
    }
}

/// Counts a request of a proxy's client. Cloud's two addresses are left out: a stranger is told there that nothing is here
/// before anything of a body is read, and Cloud sends an event once.
fn count(web: &Web, request: &Request, client: Client) -> Result<Option<UnderWay>, WebError> {
    let path = request.uri().path();
    let is_for_cloud = ["/api/callback/", "/api/portal/"]
        .iter()
        .any(|address| path.starts_with(address));
    match client.behind_proxy(request) {
        Some(client) if !is_for_cloud => match web.0.in_flight.begin(client.0.into()) {
            Some(under_way) => Ok(Some(under_way)),
            None => Err(WebError::TooMany(1)),
        },
        _ => Ok(None),
    }
}

/// What no route wants to see.
fn guard(web: &Web, request: &Request) -> Result<(), WebError> {
    if !is_for(web, request) {
        return Err(WebError::Misdirected);
    }
    if request
        .uri()
        .path_and_query()
        .is_some_and(|target| target.as_str().len() > MAX_ADDRESS)
    {
        return Err(WebError::AddressTooLong);
    }
    if request.headers().get("service-worker").is_some() {
        return Err(WebError::ServiceWorker);
    }
    if request.headers().contains_key(UPGRADE) || request.method() == Method::CONNECT {
        return Err(WebError::Upgrade);
    }
    Ok(())
}

/// Whether every name that the request gives its host is the public one. Forwarded names are not looked at.
fn is_for(web: &Web, request: &Request) -> bool {
    let mut in_headers = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (in_headers.next(), in_headers.next()) else {
        return false;
    };
    let in_target = request.uri().authority();
    host.to_str()
        .is_ok_and(|host| is_public_authority(web, host))
        && in_target.is_none_or(|authority| is_public_authority(web, authority.as_str()))
}

fn is_public_authority(web: &Web, name: &str) -> bool {
    let url = &web.settings().public_url;
    let Some(host) = url.host_str() else {
        return false;
    };
    let port = url.port_or_known_default();
    // IPv6 addresses end with a bracket, so the last colon outside of them begins the port.
    let (name, named_port) = match name.rsplit_once(':') {
        Some((name, digits)) if !digits.ends_with(']') => match digits.parse::<u16>() {
            Ok(named) if digits.bytes().all(|b| b.is_ascii_digit()) => (name, Some(named)),
            _ => return false,
        },
        _ => (
            name,
            if url.scheme() == "https" {
                Some(443)
            } else {
                Some(80)
            },
        ),
    };
    name.eq_ignore_ascii_case(host) && named_port == port
}

fn write_error(error: &WebError, surface: Surface, request_id: &str, response: &mut Response) {
    if surface == Surface::Page {
        let (title, text) = error.sentence();
        *response.body_mut() = page::message(title, text, request_id);
        response.headers_mut().insert(CONTENT_TYPE, page::HTML);
    } else {
        // A struct of texts and numbers always serializes.
        let json = serde_json::to_vec(&error.problem(request_id)).unwrap_or_default();
        *response.body_mut() = Body::from(json);
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM);
    }
    response.headers_mut().remove(CONTENT_LENGTH);
}

/// Leaves what `GET` would have said about its body's length, and no body.
fn drop_body(response: &mut Response) {
    let length = response
        .body()
        .size_hint()
        .exact()
        .filter(|length| *length > 0);
    if let Some(length) = length {
        response
            .headers_mut()
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(length));
    }
    *response.body_mut() = Body::empty();
}

fn log(
    method: &Method,
    route: &str,
    response: &Response,
    failure: Option<&Failure>,
    is_flood: bool,
    request_id: &str,
    started: Instant,
) {
    let status = response.status().as_u16();
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    // A method is the caller's text; only the known ones are worth repeating.
    let method = match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    };
    match failure.map(|failure| &*failure.0) {
        Some(cause)
            if status >= 500
                && !matches!(cause, WebError::AppNotServing)
                && !cause.is_refused_call() =>
        {
            let error = chain(cause);
            error!(
                http.method = method,
                http.route = route,
                http.status = status,
                duration_ms,
                request.id = request_id,
                error,
                "Failed to answer {method} {route}"
            );
        }
        // A flood must not fill the log too; what came before the limit stands there.
        Some(cause)
            if is_flood || cause.is_refused_call() || matches!(cause, WebError::TooMany(_)) =>
        {
            debug!(
                http.method = method,
                http.route = route,
                http.status = status,
                request.id = request_id,
                reason = %cause,
                "Refused {method} {route}"
            );
        }
        Some(cause) => {
            let reason = chain(cause);
            warn_or_info(status, method, route, duration_ms, request_id, &reason);
        }
        None => {
            info!(
                http.method = method,
                http.route = route,
                http.status = status,
                duration_ms,
                request.id = request_id,
                "Answered {method} {route}"
            );
        }
    }
}

/// Refusals that hint at an attack are warnings, a stranger's 404 is not.
fn warn_or_info(
    status: u16,
    method: &str,
    route: &str,
    duration_ms: u64,
    request_id: &str,
    reason: &str,
) {
    if matches!(status, 403 | 421 | 422) {
        warn!(
            http.method = method,
            http.route = route,
            http.status = status,
            duration_ms,
            request.id = request_id,
            reason,
            "Refused {method} {route}"
        );
    } else {
        info!(
            http.method = method,
            http.route = route,
            http.status = status,
            duration_ms,
            request.id = request_id,
            reason,
            "Refused {method} {route}"
        );
    }
}

/// An error with its causes on one line.
fn chain(error: &WebError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// 16 hexadecimal digits: enough to find one line in a log.
pub(super) fn request_id() -> String {
    random_hex::<8>()
}
