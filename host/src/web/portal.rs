//! A portal's own API: `/s/{sid}/api/…` reaches the app's component, for the one install of the session.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_TYPE, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::Web;
use super::error::WebError;
use super::extract::{BODY_TIMEOUT, Portal, SameOrigin, read_body};
use super::path::Target;
use crate::runtime::{GuestRequest, GuestResponse, GuestSession};

/// Longest body of a request, in bytes.
pub(crate) const MAX_BODY: usize = 1024 * 1024;
/// What a guest is told of a request's headers.
const HEADERS: [HeaderName; 4] = [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, IF_NONE_MATCH];
/// Headers of a usual answer, the host's own among them.
const ROOM: usize = 16;
/// Methods of a page's request.
pub(crate) const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// Which version of the package is live; the shell follows it. Only answers inside a live session have it.
const DIGEST: HeaderName = HeaderName::from_static("airlock-digest");

/// Hands a request to the app, and its answer back.
pub(super) async fn handle(
    State(web): State<Web>,
    _proof: SameOrigin,
    portal: Portal,
    request: Request,
) -> Response {
    let mut response = call(&web, &portal, request).await.into_response();
    let app = web.runtime().registry().find(portal.install().slug());
    // A session whose install ended meanwhile has no version to follow, nor has one whose app serves none.
    let page = app.as_ref().and_then(|app| app.page());
    if let Some(page) = page
        && let Ok(digest) = HeaderValue::from_str(page.digest())
    {
        // The shell may show this version next.
        page.is_needed_until(portal.session().expires());
        response.headers_mut().insert(DIGEST, digest);
    }
    response
}

async fn call(web: &Web, portal: &Portal, request: Request) -> Result<Response, WebError> {
    let request = read_request(request).await?;
    let session = GuestSession {
        id: portal.session().log_name().to_owned(),
        user_id: portal
            .session()
            .claims()
            .user
            .as_ref()
            .map(ToString::to_string),
        expires_at: portal.session().expires().unsigned(),
    };
    let answer = web
        .runtime()
        .handle(portal.install(), session, request)
        .await
        .map_err(WebError::Call)?;
    Ok(translate(answer))
}

async fn read_request(request: Request) -> Result<GuestRequest, WebError> {
    let (parts, body) = request.into_parts();
    let method = known_method(&parts.method)?;
    let below = below_api(parts.uri.path()).ok_or(WebError::NotFound)?;
    if parts.headers.contains_key(CONTENT_ENCODING) {
        return Err(WebError::UnsupportedMediaType);
    }
    let target = Target::parse(below, parts.uri.query())?;
    Ok(GuestRequest {
        method: method.to_owned(),
        path: target.path,
        query: target.query,
        headers: told_headers(&parts.headers),
        body: read_body(body, MAX_BODY, Instant::now() + BODY_TIMEOUT).await?,
    })
}

fn known_method(method: &Method) -> Result<&'static str, WebError> {
    match *method {
        Method::GET => Ok("GET"),
        Method::HEAD => Ok("HEAD"),
        Method::POST => Ok("POST"),
        Method::PUT => Ok("PUT"),
        Method::PATCH => Ok("PATCH"),
        Method::DELETE => Ok("DELETE"),
        _ => Err(WebError::MethodNotAllowed(METHODS)),
    }
}

/// What follows `/s/{sid}/api/` in the raw path.
fn below_api(path: &str) -> Option<&str> {
    path.strip_prefix("/s/")?
        .split_once('/')?
        .1
        .strip_prefix("api/")
}

fn told_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    HEADERS
        .iter()
        .filter_map(|name| {
            Some((
                name.as_str().to_owned(),
                headers.get(name)?.to_str().ok()?.to_owned(),
            ))
        })
        .collect()
}

/// The guest's answer, which the runtime has checked: status, listed headers with sound values, size.
fn translate(answer: GuestResponse) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let bare = matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    );
    let mut response = Response::new(if bare {
        Body::empty()
    } else {
        Body::from(answer.body)
    });
    *response.status_mut() = status;
    // With what is added to every answer, so that the map does not grow step by step.
    response.headers_mut().reserve(ROOM);
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guests_path_is_what_follows_api() {
        assert_eq!(
            below_api("/s/AAAAAAAAAA/api/identities/1"),
            Some("identities/1")
        );
        assert_eq!(below_api("/s/AAAAAAAAAA/api/"), Some(""));
        assert_eq!(below_api("/s/AAAAAAAAAA/api"), None);
        assert_eq!(below_api("/s/AAAAAAAAAA/events"), None);
    }

    #[test]
    fn only_four_headers_reach_a_guest() {
        let mut headers = HeaderMap::new();
        for name in [
            "accept",
            "accept-language",
            "content-type",
            "if-none-match",
            "cookie",
            "authorization",
            "origin",
        ] {
            headers.insert(name, HeaderValue::from_static("x"));
        }
        let told: Vec<_> = told_headers(&headers)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            told,
            ["accept", "accept-language", "content-type", "if-none-match"]
        );
    }

    #[tokio::test]
    async fn an_answer_that_may_have_no_body_has_none() {
        let length = async |status| {
            let response = translate(GuestResponse {
                status,
                headers: Vec::new(),
                body: b"text".to_vec(),
            });
            axum::body::to_bytes(response.into_body(), 100)
                .await
                .unwrap()
                .len()
        };
        for status in [204, 205, 304] {
            assert_eq!(length(status).await, 0);
        }
        assert_eq!(length(200).await, 4);
    }
}
