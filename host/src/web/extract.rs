//! Who is asking: each question is a type here, and asking it is the only way to get a value.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::FromRequestParts;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use super::client::Client;
use super::error::WebError;
use super::{Web, cookie};
use crate::install::{ActiveInstall, Address, EndpointKind, SessionRefused};
use crate::model::Slug;
use crate::secret::{PortalSession, SessionId, TokenError};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// How long a body may take to arrive.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Room for a body that does not say how long it is, in bytes: as much as Cloud ever sends.
const ROOM: usize = 64 * 1024;

/// Proof that the request carries the secret which only Cloud was given, for one app and one of its two addresses.
#[derive(Debug)]
pub(super) struct CloudCaller {
    address: Address,
}

impl CloudCaller {
    /// Compares in constant time and without a database statement. A wrong secret is the same 404 as an unknown path,
    /// and so is a right one from an address that Cloud does not call from, where the operator enforces that.
    pub(super) fn check(
        web: &Web,
        kind: EndpointKind,
        address: Result<Path<(String, String)>, PathRejection>,
        client: Client,
    ) -> Result<Self, WebError> {
        let Path((app, secret)) = address.map_err(|_| WebError::NotFound)?;
        let endpoints = &web.0.parts.endpoints;
        let address = endpoints
            .matches(kind, &app, &secret)
            .ok_or(WebError::NotFound)?;
        if !web.0.sources.admits(client) {
            return Err(WebError::NotFound);
        }
        web.rates().cloud(kind, address.slug())?;
        Ok(Self { address })
    }

    /// The app that was addressed.
    pub(super) fn slug(&self) -> &Slug {
        self.address.slug()
    }

    /// The address that was used.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }
}

/// Proof that the request comes from a page of the host's own origin: the browser says so in `Sec-Fetch-Site`, or the
/// `Origin` is the public one. Cookies are sent along with requests of strangers; this is what they can't send.
#[derive(Debug)]
pub(super) struct SameOrigin(());

impl FromRequestParts<Web> for SameOrigin {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, WebError> {
        if is_same_origin(&parts.headers, web.origin()) {
            Ok(Self(()))
        } else {
            Err(WebError::CrossSite)
        }
    }
}

fn is_same_origin(headers: &HeaderMap, public_origin: &str) -> bool {
    let sites: Vec<_> = headers.get_all(SEC_FETCH_SITE).iter().collect();
    let origins: Vec<_> = headers.get_all(ORIGIN).iter().collect();
    let ours = |value: &axum::http::HeaderValue| {
        value
            .as_bytes()
            .eq_ignore_ascii_case(public_origin.as_bytes())
    };
    match (sites.as_slice(), origins.as_slice()) {
        // A page without a referrer sends `Origin: null` beside `same-origin`; a foreign one is a contradiction.
        ([site], origins) => {
            *site == "same-origin"
                && origins
                    .iter()
                    .all(|origin| *origin == "null" || ours(origin))
        }
        ([], [origin]) => ours(origin),
        _ => false,
    }
}

/// Proof of an open portal: a verified cookie of the session in the address, whose install is active.
#[derive(Debug)]
pub(super) struct Portal {
    session: PortalSession,
    install: ActiveInstall,
}

impl Portal {
    /// The session, its signature verified and its time not over.
    pub(super) fn session(&self) -> &PortalSession {
        &self.session
    }

    /// The install that the session was opened for.
    pub(super) fn install(&self) -> &ActiveInstall {
        &self.install
    }
}

impl FromRequestParts<Web> for Portal {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, WebError> {
        let sid = session_in(parts.uri.path()).ok_or(WebError::NoSession)?;
        let session = verified_session(web, &parts.headers, &sid)?;
        let install = install_of(web, &session)?;
        Ok(Self { session, install })
    }
}

/// The session's name as it stands in the path. Read from the raw path, so that no name has a second spelling.
fn session_in(path: &str) -> Option<SessionId> {
    SessionId::parse(path.strip_prefix("/s/")?.split_once('/')?.0)
}

/// The session of that name from the request's cookies. A browser may send two of one name from two jars: any good one
/// counts.
fn verified_session(
    web: &Web,
    headers: &HeaderMap,
    sid: &SessionId,
) -> Result<PortalSession, WebError> {
    let mut refusal = WebError::NoSession;
    for (named, value) in cookie::read(headers) {
        if named != *sid {
            continue;
        }
        match web.signer().verify_session(&value, web.now()) {
            Ok(session) if session.sid() == sid => return Ok(session),
            Err(TokenError::Expired) => refusal = WebError::SessionExpired,
            Ok(_) | Err(TokenError::Invalid) => {}
        }
    }
    Err(refusal)
}

/// The session's install, if it is active and has not ended its sessions.
pub(super) fn install_of(web: &Web, session: &PortalSession) -> Result<ActiveInstall, WebError> {
    web.installs()
        .session_install(session)
        .map_err(|refused| refused_session(refused, WebError::NoSession))
}

/// What has ended is answered as `ended`; what nobody knows may be asked again.
pub(super) fn refused_session(refused: SessionRefused, ended: WebError) -> WebError {
    match refused {
        SessionRefused::Ended => ended,
        SessionRefused::Stale(stale) => WebError::Unavailable(stale.into()),
    }
}

/// The whole body, at most `limit` bytes and not later than `deadline`.
pub(super) async fn read_body(
    body: Body,
    limit: usize,
    deadline: Instant,
) -> Result<Vec<u8>, WebError> {
    // Before anything is read: a caller who asks first (`Expect: 100-continue`) is not told to go on (I50).
    if body.size_hint().lower() > limit as u64 {
        return Err(WebError::TooLarge(limit));
    }
    let collected = tokio::time::timeout_at(deadline, collect(body, limit)).await;
    collected.map_err(|_| WebError::BodyTimeout)?
}

/// The bytes in one place: kept apart, each chunk would hold on to the whole buffer that it was read into.
async fn collect(mut body: Body, limit: usize) -> Result<Vec<u8>, WebError> {
    // With room for all of it from the beginning nothing is copied, and left behind, while it grows.
    let exact = body.size_hint().exact();
    let room = exact.map_or(ROOM, |length| usize::try_from(length).unwrap_or(limit));
    let mut bytes = Vec::with_capacity(room.min(limit));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| WebError::BodyUnreadable)?;
        // Fields behind the body would come after every check.
        let data = frame.into_data().map_err(|_| WebError::BodyUnreadable)?;
        if data.len() > limit.saturating_sub(bytes.len()) {
            return Err(WebError::TooLarge(limit));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// Lets JSON pass, and a body that does not say what it is. An encoded body is refused: it may unpack to any size.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), WebError> {
    let encoded = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|encoding| encoding != "identity");
    let json = headers
        .get_all(CONTENT_TYPE)
        .iter()
        .all(|value| value.to_str().is_ok_and(is_json));
    if encoded || !json {
        Err(WebError::UnsupportedMediaType)
    } else {
        Ok(())
    }
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let structured = essence
        .strip_prefix("application/")
        .is_some_and(|sub| sub.ends_with("+json"));
    essence == "application/json" || structured
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const PUBLIC: &str = "https://apps.example.com";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_hosts_own_pages_are_told_by_fetch_metadata_or_by_origin() {
        for pairs in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("sec-fetch-site", "same-origin"), ("origin", PUBLIC)],
            &[("sec-fetch-site", "same-origin"), ("origin", "null")],
            &[("origin", PUBLIC)],
        ] {
            assert!(is_same_origin(&headers(pairs), PUBLIC), "{pairs:?} refused");
        }
    }

    #[test]
    fn i40_other_sites_missing_and_null_are_refused() {
        for pairs in [
            &[][..],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "cross-site"), ("origin", PUBLIC)],
            &[
                ("sec-fetch-site", "same-origin"),
                ("origin", "https://evil.example"),
            ],
            &[
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "cross-site"),
            ],
            &[("origin", "null")],
            &[("origin", "https://apps.example.com.evil.example")],
            &[("origin", "http://apps.example.com")],
            &[("origin", PUBLIC), ("origin", "https://evil.example")],
        ] {
            assert!(!is_same_origin(&headers(pairs), PUBLIC), "{pairs:?} passed");
        }
    }

    #[test]
    fn a_missing_content_type_is_json_and_an_encoding_is_refused() {
        for pairs in [
            &[][..],
            &[("content-type", "application/json")],
            &[("content-type", "Application/JSON; charset=utf-8")],
            &[("content-type", "application/cloudevents+json")],
            &[("content-encoding", "identity")],
        ] {
            assert!(require_json(&headers(pairs)).is_ok(), "{pairs:?} refused");
        }
        for pairs in [
            &[("content-type", "text/plain")][..],
            &[("content-type", "application/x-www-form-urlencoded")],
            &[("content-type", "application/jsonp")],
            &[("content-type", "")],
            &[("content-encoding", "gzip")],
        ] {
            assert!(require_json(&headers(pairs)).is_err(), "{pairs:?} passed");
        }
    }

    #[test]
    fn a_session_has_one_spelling_in_a_path() {
        assert!(session_in("/s/AAAAAAAAAA/api/x").is_some());
        for path in [
            "/s/%41AAAAAAAAA/",
            "/s/AAAAAAAAAA",
            "/s/AAAAAAAAA/",
            "/S/AAAAAAAAAA/",
            "/x",
        ] {
            assert!(session_in(path).is_none(), "{path} passed");
        }
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_however_it_is_cut() {
        let read = async |length: usize, limit| {
            let chunks = (0..length).map(|_| Ok::<_, std::io::Error>("x"));
            let body = Body::from_stream(futures_util::stream::iter(chunks));
            read_body(body, limit, Instant::now() + BODY_TIMEOUT).await
        };
        assert_eq!(read(100_000, 100_000).await.unwrap(), vec![b'x'; 100_000]);
        let longer = read(100_001, 100_000).await;
        assert!(
            matches!(longer, Err(WebError::TooLarge(100_000))),
            "{longer:?}"
        );
        let broken = Body::from_stream(futures_util::stream::iter([
            Ok("x"),
            Err(std::io::Error::other("gone")),
        ]));
        let broken = read_body(broken, 10, Instant::now() + BODY_TIMEOUT).await;
        assert!(
            matches!(broken, Err(WebError::BodyUnreadable)),
            "{broken:?}"
        );
    }
}
