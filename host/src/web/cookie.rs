//! The session's cookie: one per session, named after it, so that two portals in two tabs never mix.
//!
//! `__Host-` ties it to this host and to `Secure`; `Partitioned` keeps it apart for each site that frames the portal.

use std::time::Duration;

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use crate::secret::SessionId;

const PREFIX: &str = "__Host-airlock_";
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=None; Partitioned";

/// The airlock cookies of a request: session names and values, in the order sent.
pub(super) fn read(headers: &HeaderMap) -> Vec<(SessionId, String)> {
    let lines = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            let sid = SessionId::parse(name.strip_prefix(PREFIX)?)?;
            Some((sid, value.to_owned()))
        })
        .collect()
}

/// The `Set-Cookie` line that hands a session over. None where the value could not stand in a header.
pub(super) fn hand_over(sid: &SessionId, value: &str, life: Duration) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!(
        "{PREFIX}{sid}={value}; {ATTRIBUTES}; Max-Age={}",
        life.as_secs()
    ))
    .ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The `Set-Cookie` line that takes a dead session's cookie away. It needs the same attributes, or the browser looks
/// in another jar.
pub(super) fn take_away(sid: &SessionId) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{PREFIX}{sid}=; {ATTRIBUTES}; Max-Age=0")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(text: &str) -> SessionId {
        SessionId::parse(text).unwrap()
    }

    #[test]
    fn only_well_formed_airlock_cookies_are_read() {
        let mut headers = HeaderMap::new();
        headers.append(
            COOKIE,
            HeaderValue::from_static("a=b; __Host-airlock_AAAAAAAAAA=as1.x; airlock_BBBBBBBBBB=y"),
        );
        headers.append(
            COOKIE,
            HeaderValue::from_static("__Host-airlock_short=z;__Host-airlock_CCCCCCCC-_=as1.c=="),
        );
        let expected = [
            (sid("AAAAAAAAAA"), "as1.x".to_owned()),
            (sid("CCCCCCCC-_"), "as1.c==".to_owned()),
        ];
        assert_eq!(read(&headers), expected);
    }

    #[test]
    fn the_cookie_has_every_ruled_attribute() {
        let line = hand_over(&sid("AAAAAAAAAA"), "as1.s1.x.y", Duration::from_mins(15)).unwrap();
        assert_eq!(
            line.to_str().unwrap(),
            "__Host-airlock_AAAAAAAAAA=as1.s1.x.y; Path=/; Secure; HttpOnly; SameSite=None; Partitioned; Max-Age=900"
        );
        assert!(line.is_sensitive());
        let gone = take_away(&sid("AAAAAAAAAA")).unwrap();
        assert_eq!(
            gone.to_str().unwrap(),
            "__Host-airlock_AAAAAAAAAA=; Path=/; Secure; HttpOnly; SameSite=None; Partitioned; Max-Age=0"
        );
    }
}
