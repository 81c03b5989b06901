//! What a guest answers, checked on the way out. A guest can't set a cookie, loosen a policy, redirect a browser or
//! smuggle a header.

use super::{CallFailure, Failed, GuestResponse, headers};
use crate::runtime::host::bindings::blnk::app::http_types::Response;

/// Takes an answer whose status, headers and size are sound.
pub(super) fn checked(response: Response, max_body: usize) -> Result<GuestResponse, Failed> {
    let refused = |reason: String| Err(Failed::new(CallFailure::BadOutput, reason));
    let Response {
        status,
        headers,
        body,
    } = response;
    if !(200..=599).contains(&status) {
        return refused(format!("the status {status} is not between 200 and 599"));
    }
    if body.len() > max_body {
        return refused(format!(
            "the body has {} bytes; it may have {max_body}",
            body.len()
        ));
    }
    let headers = match headers::allowed(headers) {
        Ok(headers) => headers,
        Err(reason) => return refused(reason),
    };
    Ok(GuestResponse {
        status,
        headers,
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(
        status: u16,
        headers: &[(&str, &str)],
        body: usize,
    ) -> Result<GuestResponse, CallFailure> {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        checked(
            Response {
                status,
                headers,
                body: vec![0; body],
            },
            100,
        )
        .map_err(|failed| failed.failure)
    }

    #[test]
    fn h41_headers_outside_the_list_are_dropped() {
        let headers = [
            ("Content-Type", "text/plain"),
            ("Set-Cookie", "a=b"),
            ("Content-Security-Policy", "default-src *"),
            ("Access-Control-Allow-Origin", "*"),
            ("Location", "https://evil.example"),
            ("Content-Length", "5"),
            ("etag", "\"1\""),
        ];
        let expected = [("content-type", "text/plain"), ("etag", "\"1\"")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(answer(200, &headers, 0).unwrap().headers, expected);
    }

    #[test]
    fn h32_broken_headers_are_refused_even_where_they_would_be_dropped() {
        for (name, value) in [
            ("x\r\nset-cookie", "a"),
            ("x", "a\r\nb: c"),
            ("x", "a\0"),
            ("x y", "a"),
            ("", "a"),
            ("etag", "ä"),
            ("etag", " a"),
        ] {
            assert_eq!(
                answer(200, &[(name, value)], 0),
                Err(CallFailure::BadOutput),
                "{name:?}: {value:?}"
            );
        }
        assert_eq!(answer(200, &[("x", "y"); 64], 0).unwrap().headers.len(), 0);
        assert_eq!(
            answer(200, &[("x", "y"); 65], 0),
            Err(CallFailure::BadOutput)
        );
        assert_eq!(
            answer(200, &[("x", &"y".repeat(16 * 1024))], 0),
            Err(CallFailure::BadOutput)
        );
        assert_eq!(
            answer(200, &[("etag", "1"), ("ETag", "2")], 0),
            Err(CallFailure::BadOutput)
        );
    }

    #[test]
    fn h41_status_and_size_are_bounded() {
        for status in [0, 100, 101, 199, 600, 999, u16::MAX] {
            assert_eq!(
                answer(status, &[], 0),
                Err(CallFailure::BadOutput),
                "{status}"
            );
        }
        for status in [200, 304, 599] {
            assert!(answer(status, &[], 100).is_ok(), "{status}");
        }
        assert_eq!(answer(200, &[], 101), Err(CallFailure::BadOutput));
    }
}
