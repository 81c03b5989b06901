//! The exchange of a launch token for a session's cookie.
//!
//! A token is used once. The exception is a frame that comes again, as a dashboard remounts it: the same token together
//! with the live cookie that was made from it is the same session again, until that session ends.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::error::WebError;
use super::extract::{SameOrigin, install_of, read_body, refused_session, require_json};
use super::{Web, cookie};
use crate::install::{EventError, UseRefused};
use crate::model::UnixMillis;
use crate::secret::{IssuedSession, PortalSession, SessionId, TokenError, VerifiedLaunch};

/// A token has at most 1,024 bytes; this leaves room for the JSON around it.
const MAX_BODY: usize = 4 * 1024;
/// How long it may take to arrive: whoever asks is not known yet.
const BODY_TIMEOUT: Duration = Duration::from_secs(3);
/// Most dead cookies taken away in one answer, so that its headers stay small.
const MAX_TAKEN_AWAY: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    token: String,
}

/// Opens a session.
pub(super) async fn open(
    State(web): State<Web>,
    _proof: SameOrigin,
    request: Request,
) -> Result<Response, WebError> {
    let (parts, body) = request.into_parts();
    require_json(&parts.headers)?;
    let token = read_token(body).await?;
    let known = Cookies::read(&web, &parts.headers);
    let launch = web
        .signer()
        .verify_launch_any_age(&token, web.now())
        .map_err(token_refused)?;
    if let Some(session) = known.made_from(&launch) {
        web.rates().session(&launch.claims().app)?;
        return Ok(answer(session.sid(), session.expires(), &known.dead, None));
    }
    let launch = web
        .signer()
        .verify_launch(&token, web.now())
        .map_err(token_refused)?;
    // Only now: a token of long ago, which may stand in anybody's history, uses up nothing of its app's.
    web.rates().session(&launch.claims().app)?;
    // A token may outlive its install by seconds; no session may begin then.
    web.installs()
        .launched_install(&launch)
        .map_err(|refused| refused_session(refused, WebError::LaunchInvalid))?;
    let first = web
        .installs()
        .use_launch(launch)
        .await
        .map_err(use_refused)?;
    let issued = first.issue_session(web.signer(), web.now(), web.settings().session_ttl);
    Ok(answer(
        issued.sid(),
        issued.expires(),
        &known.dead,
        Some(hand_over(&web, &issued)?),
    ))
}

async fn read_token(body: axum::body::Body) -> Result<String, WebError> {
    let bytes = read_body(body, MAX_BODY, Instant::now() + BODY_TIMEOUT).await?;
    let exchange: Exchange = serde_json::from_slice(&bytes)
        .map_err(|_| EventError::Malformed("the body must be {\"token\": \"…\"}".to_owned()))?;
    Ok(exchange.token)
}

/// The airlock cookies of a request, judged.
struct Cookies {
    live: Vec<PortalSession>,
    dead: Vec<SessionId>,
}

impl Cookies {
    fn read(web: &Web, headers: &HeaderMap) -> Self {
        let (mut live, mut dead) = (Vec::new(), Vec::new());
        for (sid, value) in cookie::read(headers) {
            match web.signer().verify_session(&value, web.now()) {
                Ok(session) if *session.sid() == sid => match install_of(web, &session) {
                    Ok(_) => live.push(session),
                    // Nobody knows at the moment: it stays where it is.
                    Err(WebError::Unavailable(_)) => {}
                    Err(_) => dead.push(sid),
                },
                _ => dead.push(sid),
            }
        }
        // Two jars may hold one name: a good cookie keeps its name.
        dead.retain(|sid| live.iter().all(|session| session.sid() != sid));
        dead.truncate(MAX_TAKEN_AWAY);
        Self { live, dead }
    }

    /// The live session that was made from this very launch.
    fn made_from(&self, launch: &VerifiedLaunch) -> Option<&PortalSession> {
        self.live
            .iter()
            .find(|session| session.launch_jti() == launch.jti())
    }
}

fn hand_over(web: &Web, issued: &IssuedSession) -> Result<axum::http::HeaderValue, WebError> {
    let life: Duration = issued.expires().since(web.now());
    cookie::hand_over(issued.sid(), issued.cookie_value(), life).ok_or_else(|| {
        WebError::Internal(anyhow::anyhow!(
            "a session's cookie has characters that no header may have"
        ))
    })
}

fn answer(
    sid: &SessionId,
    expires: UnixMillis,
    dead: &[SessionId],
    cookie: Option<axum::http::HeaderValue>,
) -> Response {
    let mut response =
        Json(json!({ "session": sid.as_str(), "expires_at": expires.get() })).into_response();
    for line in dead.iter().filter_map(cookie::take_away).chain(cookie) {
        response.headers_mut().append(SET_COOKIE, line);
    }
    response
}

fn token_refused(error: TokenError) -> WebError {
    match error {
        TokenError::Invalid => WebError::LaunchInvalid,
        TokenError::Expired => WebError::LaunchOver,
    }
}

fn use_refused(refused: UseRefused) -> WebError {
    match refused {
        UseRefused::AlreadyUsed => WebError::LaunchOver,
        UseRefused::Unavailable(error) => {
            WebError::Unavailable(anyhow::Error::new(error).context("storing the use of a launch"))
        }
    }
}
