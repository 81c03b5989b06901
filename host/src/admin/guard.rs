//! What every admin request must pass: a browser that was led here by a stranger's page must find nothing.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::AdminParts;
use crate::listener::{HeadError, Refuse};

/// Checks `Host` and `Origin`, then puts the common headers on whatever is answered.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let mut response = match refusal(request.headers()) {
        None => next.run(request).await,
        Some((status, title)) => refuse(status, title),
    };
    put_common_headers(response.headers_mut());
    response
}

fn put_common_headers(headers: &mut HeaderMap) {
    for (name, value) in [
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// What the operator's listener answers to a head that it refuses.
pub fn refuse_heads() -> Refuse {
    Arc::new(|error| {
        let status = match error {
            HeadError::Malformed => StatusCode::BAD_REQUEST,
            HeadError::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            HeadError::TargetTooLong => StatusCode::URI_TOO_LONG,
            HeadError::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            HeadError::Expectation => StatusCode::EXPECTATION_FAILED,
        };
        let problem =
            json!({ "type": "about:blank", "title": error.to_string(), "status": status.as_u16() });
        let mut response = axum::http::Response::new(problem.to_string().into_bytes());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        put_common_headers(headers);
        response
    })
}

/// Lets only the operator pass, who shows the admin token as a bearer.
pub(super) async fn require_token(
    State(parts): State<AdminParts>,
    request: Request,
    next: Next,
) -> Response {
    let shown = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
    let known = matches!((&parts.token, shown), (Some(token), Some(shown)) if token.matches(shown));
    if known {
        return next.run(request).await;
    }
    let mut response = refuse(StatusCode::UNAUTHORIZED, "The admin token is needed");
    response
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn refusal(headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    let mut hosts = headers.get_all(HOST).iter();
    let (host, other) = (hosts.next(), hosts.next());
    let Some(host) = host
        .filter(|_| other.is_none())
        .and_then(|host| host.to_str().ok())
    else {
        return Some((StatusCode::MISDIRECTED_REQUEST, "Misdirected request"));
    };
    if !is_local_name(host) {
        return Some((StatusCode::MISDIRECTED_REQUEST, "Misdirected request"));
    }
    let own = format!("http://{host}");
    let foreign = headers
        .get_all(ORIGIN)
        .iter()
        .any(|origin| !origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()));
    foreign.then_some((StatusCode::FORBIDDEN, "Cross-site request refused"))
}

/// `localhost` or an address, with or without a port. A domain name may be made to point here by its owner
/// (DNS rebinding); an address can't be.
fn is_local_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => {
            if port.parse::<u16>().is_err() {
                return false;
            }
            name
        }
        _ => host,
    };
    let address = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

/// A problem document.
pub(super) fn refuse(status: StatusCode, title: &str) -> Response {
    let problem = json!({ "type": "about:blank", "title": title, "status": status.as_u16() });
    (
        status,
        [(header::CONTENT_TYPE, "application/problem+json")],
        Json(problem),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(pairs: &[(&'static str, &'static str)]) -> Option<u16> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        refusal(&headers).map(|(status, _)| status.as_u16())
    }

    #[test]
    fn only_local_names_and_addresses_reach_the_admin_listener() {
        for host in [
            "localhost",
            "localhost:9090",
            "127.0.0.1:9090",
            "[::1]:9090",
            "[::1]",
            "10.0.0.7:9090",
        ] {
            assert_eq!(status(&[("host", host)]), None, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9090",
            "localhost.evil.example",
            "127.0.0.1:x",
            "",
        ] {
            assert_eq!(status(&[("host", host)]), Some(421), "{host}");
        }
        assert_eq!(status(&[]), Some(421));
        assert_eq!(
            status(&[("host", "localhost"), ("host", "localhost")]),
            Some(421)
        );
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        assert_eq!(
            status(&[
                ("host", "localhost:9090"),
                ("origin", "http://localhost:9090")
            ]),
            None
        );
        for origin in [
            "http://localhost:8080",
            "null",
            "https://localhost:9090",
            "http://evil.example",
        ] {
            assert_eq!(
                status(&[("host", "localhost:9090"), ("origin", origin)]),
                Some(403),
                "{origin}"
            );
        }
    }
}
