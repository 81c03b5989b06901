//! What follows `api/` in a portal's address: path segments and query pairs, decoded once and strictly.
//!
//! The shell has refused odd addresses before; this is the same rule again, where it counts.

use percent_encoding::percent_decode_str;

/// Longest path and query, together, in bytes.
pub(super) const MAX_TARGET: usize = 8 * 1024;

/// Why an address under `api/` was refused. Never repeats the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAddress {
    /// A `%` that is not followed by two hexadecimal digits, or bytes that are not UTF-8.
    #[error("the address is not correctly percent-encoded UTF-8")]
    Encoding,
    /// An empty segment, `.` or `..`.
    #[error("the path has an empty segment, \".\" or \"..\"")]
    Segment,
    /// A slash, backslash or control character in disguise, or an encoding inside an encoding.
    #[error("the path has an encoded slash, backslash or control character")]
    Disguise,
}

/// What a page asks its app for: an address below `api/`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The segments of the path.
    pub(crate) path: Vec<String>,
    /// The pairs of the query.
    pub(crate) query: Vec<(String, String)>,
}

impl Target {
    /// Takes apart what follows `api/`, and the query.
    pub(crate) fn parse(path: &str, raw_query: Option<&str>) -> Result<Self, BadAddress> {
        Ok(Self {
            path: segments(path)?,
            query: query(raw_query)?,
        })
    }
}

/// The segments of a path below `api/`. A slash at the end is taken; `""` is no segments.
pub(super) fn segments(path: &str) -> Result<Vec<String>, BadAddress> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    path.split('/').map(segment).collect()
}

fn segment(raw: &str) -> Result<String, BadAddress> {
    let segment = decode(raw)?;
    if matches!(segment.as_str(), "" | "." | "..") {
        return Err(BadAddress::Segment);
    }
    let separator = segment
        .chars()
        .any(|c| matches!(c, '/' | '\\') || c.is_control());
    // Whoever decodes once more would find a separator that nobody has checked.
    if separator || has_escape(segment.as_bytes()) {
        return Err(BadAddress::Disguise);
    }
    Ok(segment)
}

/// The pairs of a query string in their order; `+` is a space. A pair without `=` has an empty value.
fn query(raw: Option<&str>) -> Result<Vec<(String, String)>, BadAddress> {
    let pairs = raw
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((
                decode(&name.replace('+', " "))?,
                decode(&value.replace('+', " "))?,
            ))
        })
        .collect()
}

fn decode(raw: &str) -> Result<String, BadAddress> {
    let percents = raw.matches('%').count();
    let escapes = raw
        .as_bytes()
        .windows(3)
        .filter(|window| is_escape(window))
        .count();
    if percents != escapes {
        return Err(BadAddress::Encoding);
    }
    let decoded = percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| BadAddress::Encoding)?;
    Ok(decoded.into_owned())
}

fn has_escape(bytes: &[u8]) -> bool {
    bytes.windows(3).any(is_escape)
}

fn is_escape(window: &[u8]) -> bool {
    matches!(window, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_paths_become_decoded_segments() {
        assert_eq!(segments("").unwrap(), Vec::<String>::new());
        assert_eq!(
            segments("identities/idt_1/decision").unwrap(),
            ["identities", "idt_1", "decision"]
        );
        assert_eq!(segments("a%20b/%C3%A4/").unwrap(), ["a b", "ä"]);
        assert_eq!(segments("100%25").unwrap(), ["100%"]);
    }

    #[test]
    fn i44_dots_empty_segments_and_disguises_are_refused() {
        for (path, why) in [
            ("..", BadAddress::Segment),
            ("a/../b", BadAddress::Segment),
            ("%2e%2E/x", BadAddress::Segment),
            (".", BadAddress::Segment),
            ("a//b", BadAddress::Segment),
            ("//", BadAddress::Segment),
            ("/a", BadAddress::Segment),
            ("a%2fb", BadAddress::Disguise),
            ("a%5Cb", BadAddress::Disguise),
            ("a\\b", BadAddress::Disguise),
            ("a%00", BadAddress::Disguise),
            ("a%0d%0a", BadAddress::Disguise),
            ("%252e%252e", BadAddress::Disguise),
            ("%252f", BadAddress::Disguise),
            ("a%", BadAddress::Encoding),
            ("a%4", BadAddress::Encoding),
            ("a%zz", BadAddress::Encoding),
            ("%ff", BadAddress::Encoding),
        ] {
            assert_eq!(segments(path), Err(why), "{path}");
        }
    }

    #[test]
    fn query_pairs_keep_their_order_and_double_names() {
        let pairs = query(Some("q=a+b%2B&q=&flag&&x=%C3%A4=1")).unwrap();
        let expected = [("q", "a b+"), ("q", ""), ("flag", ""), ("x", "ä=1")];
        assert_eq!(
            pairs,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert_eq!(query(None).unwrap(), []);
        assert_eq!(query(Some("q=%ff")), Err(BadAddress::Encoding));
        assert_eq!(query(Some("q=%")), Err(BadAddress::Encoding));
    }

    proptest! {
        #[test]
        fn no_accepted_segment_can_leave_its_place(path in "[a-z%0-9A-F./\\\\]{0,40}") {
            for segment in segments(&path).into_iter().flatten() {
                prop_assert!(!segment.is_empty() && segment != "." && segment != "..");
                prop_assert!(!segment.contains(['/', '\\', '\0']));
            }
        }

        #[test]
        fn any_text_survives_encoding_and_decoding(text in "[^/\\\\%\\p{Cc}]{1,20}") {
            prop_assume!(text != "." && text != "..");
            let raw = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(segments(&raw).unwrap(), vec![text]);
        }
    }
}
