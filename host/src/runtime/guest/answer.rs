//! What a guest answers, checked on the way out. A guest can't set a cookie, loosen a policy, redirect a browser, smuggle a
//! header or give its install's API key away, should it ever have got hold of it.

use tracing::error;

use super::{Answer, CallFailure, Failed, GuestResponse, HookOutcome, headers};
use crate::cloud::InstanceCloud;
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

/// Refuses an answer that holds the install's API key (H38). The guest was never given it, so this is an alarm.
pub(super) fn keeps_the_key(answer: &Answer, cloud: &InstanceCloud) -> Result<(), Failed> {
    let found = match answer {
        Answer::Portal(response) => {
            let in_headers = |(_, value): &(String, String)| cloud.finds_key_in(value.as_bytes());
            cloud.finds_key_in(&response.body) || response.headers.iter().any(in_headers)
        }
        Answer::Hook(HookOutcome::Retry(reason) | HookOutcome::GiveUp(reason)) => {
            cloud.finds_key_in(reason.as_bytes())
        }
        Answer::Hook(HookOutcome::Done | HookOutcome::NotExported) => false,
    };
    if !found {
        return Ok(());
    }
    let tenant = cloud.tenant();
    error!(app = %tenant.slug(), install.id = %tenant.install_id(), alarm = true,
        "Withheld an answer of {} that holds the install's API key", tenant.slug());
    Err(Failed::new(
        CallFailure::BadOutput,
        "the answer holds the install's API key",
    ))
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
