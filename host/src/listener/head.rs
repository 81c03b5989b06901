//! The head of a request, judged before anything else sees it. Two readers of one message must not disagree about where
//! it ends (RFC 9112, section 11.2), so whatever leaves room for that is refused and the connection closed (I06).

use axum::http::{Method, Uri};

/// Longest head, in bytes: the request line, every header, and the empty line.
pub(super) const MAX_HEAD: usize = 32 * 1024;
/// Most headers.
const MAX_HEADERS: usize = 100;
/// Largest `Content-Length`: beyond it there are readers that no longer agree about the number.
const MAX_LENGTH: u64 = 1 << 53;
const END: &[u8] = b"\r\n\r\n";

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Not a request of HTTP/1, or one whose end is a matter of opinion.
    #[error("the head of the request is malformed")]
    Malformed,
    /// Too many headers, or too long ones (I45).
    #[error("the head of the request has more than 100 headers or 32 KiB")]
    TooLarge,
    /// The request line alone is too long (I44).
    #[error("the address is too long")]
    TargetTooLong,
    /// Another version of HTTP (I13).
    #[error("the version of HTTP is not 1.1 or 1.0")]
    Version,
    /// An `Expect` that is not `100-continue`.
    #[error("the expectation is not known")]
    Expectation,
}

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes, often none.
    Length(u64),
    /// Chunks. Where they end is not looked for, so no other request follows on this connection.
    Chunked,
}

/// A whole head that stands at the beginning of what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Its length in bytes, the empty line included.
    pub(super) length: usize,
    pub(super) framing: Framing,
}

/// The head at the beginning of `input`, or none if its end has not come yet. `searched` says how far earlier calls have
/// looked.
pub(super) fn judge(input: &[u8], searched: &mut usize) -> Result<Option<Head>, HeadError> {
    let from = searched.saturating_sub(END.len() - 1);
    let rest = input.get(from..).unwrap_or_default();
    let end = memchr::memmem::find(rest, END);
    *searched = input.len();
    let Some(length) = end.map(|at| from + at + END.len()) else {
        return if input.len() < MAX_HEAD {
            Ok(None)
        } else {
            Err(too_long(input))
        };
    };
    if length > MAX_HEAD {
        return Err(too_long(input));
    }
    let head = input.get(..length).unwrap_or_default();
    parse(head).map(|framing| Some(Head { length, framing }))
}

fn too_long(input: &[u8]) -> HeadError {
    let head = input.get(..MAX_HEAD).unwrap_or(input);
    if head.contains(&b'\n') {
        HeadError::TooLarge
    } else {
        HeadError::TargetTooLong
    }
}

fn parse(head: &[u8]) -> Result<Framing, HeadError> {
    let is_bare = |at: usize| at.checked_sub(1).and_then(|at| head.get(at)) != Some(&b'\r');
    if memchr::memchr_iter(b'\n', head).any(is_bare) {
        return Err(HeadError::Malformed);
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
        Err(httparse::Error::Version) => return Err(HeadError::Version),
        Ok(_) | Err(_) => return Err(HeadError::Malformed),
    }
    let method = request.method.unwrap_or_default();
    let target = request.path.unwrap_or_default();
    if Method::from_bytes(method.as_bytes()).is_err() || Uri::try_from(target).is_err() {
        return Err(HeadError::Malformed);
    }
    framing(request.version == Some(1), request.headers)
}

fn framing(is_1_1: bool, headers: &[httparse::Header<'_>]) -> Result<Framing, HeadError> {
    let of = |name: &'static str| {
        headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    };
    // Fields behind a body would come after every check of this request (I50).
    if of("trailer").next().is_some() {
        return Err(HeadError::Malformed);
    }
    if of("expect").any(|value| !value.eq_ignore_ascii_case(b"100-continue")) {
        return Err(HeadError::Expectation);
    }
    let (mut lengths, mut encodings) = (of("content-length"), of("transfer-encoding"));
    let (length, encoding) = (lengths.next(), encodings.next());
    if lengths.next().is_some() || encodings.next().is_some() {
        return Err(HeadError::Malformed);
    }
    match (length, encoding) {
        (None, None) => Ok(Framing::Length(0)),
        (Some(length), None) => decimal(length)
            .map(Framing::Length)
            .ok_or(HeadError::Malformed),
        (None, Some(encoding)) if is_1_1 && encoding.eq_ignore_ascii_case(b"chunked") => {
            Ok(Framing::Chunked)
        }
        _ => Err(HeadError::Malformed),
    }
}

/// Digits and nothing else: no sign, no list, nothing that overflows here or in another reader, who may count in floating
/// point.
fn decimal(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| digits)?;
    text.parse().ok().filter(|length| *length <= MAX_LENGTH)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(text: &str) -> Result<Option<Head>, HeadError> {
        judge(text.as_bytes(), &mut 0)
    }

    #[track_caller]
    fn refused(text: &str) -> HeadError {
        judged(text).expect_err(text)
    }

    #[test]
    fn a_head_ends_at_its_empty_line_however_it_comes() {
        let text = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET ";
        let whole = judged(text).unwrap().unwrap();
        assert_eq!(whole.length, text.find("abc").unwrap());
        assert_eq!(whole.framing, Framing::Length(3));
        let mut searched = 0;
        for end in 0..whole.length {
            assert_eq!(judge(&text.as_bytes()[..end], &mut searched), Ok(None));
        }
        let last = judge(&text.as_bytes()[..whole.length], &mut searched);
        assert_eq!(last, Ok(Some(whole)));
    }

    #[test]
    fn i06_what_leaves_the_end_of_a_request_open_is_malformed() {
        for headers in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 1\r\ncontent-length: 1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 0x1\r\n",
            "Content-Length: -1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 9007199254740993\r\n",
            "Content-Length: 18446744073709551614\r\n",
            "Content-Length: 18446744073709551615\r\n",
            "Content-Length: 18446744073709551616\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding : chunked\r\n",
            "A: b\r\n folded: c\r\n",
            "A: b\r\n\tc\r\n",
            "A: b\nContent-Length: 1\r\n",
            "A: b\rContent-Length: 1\r\n",
            "A: \0\r\n",
            "A b\r\n",
            ": b\r\n",
            "Trailer: Expires\r\n",
        ] {
            let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
            assert_eq!(refused(&text), HeadError::Malformed, "{headers:?}");
        }
        let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(refused(old), HeadError::Malformed);
    }

    #[test]
    fn a_request_line_is_method_address_and_a_version_of_http_1() {
        for text in [
            "GET /\r\n\r\n",
            "\r\n\r\n",
            "G\u{e4}T / HTTP/1.1\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1 x\r\n\r\n",
            "GET x HTTP/1.1/\r\n\r\n",
        ] {
            assert!(
                matches!(refused(text), HeadError::Malformed | HeadError::Version),
                "{text:?}"
            );
        }
        // I13: the preface of HTTP/2.
        assert_eq!(
            refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            HeadError::Version
        );
        assert_eq!(
            refused("GET / HTTP/1.1\r\nExpect: a coin\r\n\r\n"),
            HeadError::Expectation
        );
        for text in [
            "GET / HTTP/1.1\r\nExpect: 100-Continue\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            let head = judged(text).unwrap().unwrap();
            assert_eq!(
                (head.length, head.framing),
                (text.len(), Framing::Length(0))
            );
        }
    }

    #[test]
    fn i44_i45_a_long_address_and_many_headers_are_told_apart() {
        let address = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(64 * 1024));
        assert_eq!(refused(&address), HeadError::TargetTooLong);
        let many = "A: b\r\n".repeat(1000);
        assert_eq!(
            refused(&format!("GET / HTTP/1.1\r\n{many}\r\n")),
            HeadError::TooLarge
        );
        let long = "a".repeat(MAX_HEAD);
        assert_eq!(
            refused(&format!("GET / HTTP/1.1\r\nA: {long}\r\n\r\n")),
            HeadError::TooLarge
        );
        let most = "A: b\r\n".repeat(MAX_HEADERS);
        assert!(judged(&format!("GET / HTTP/1.1\r\n{most}\r\n")).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_a_panic_and_never_beyond_the_limit(input in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(Some(head)) = judge(&input, &mut 0) {
                prop_assert!(head.length <= input.len() && head.length <= MAX_HEAD);
            }
        }
    }
}
