//! The headers of a guest's answer: which may pass, and which end the call. Names no other module, so that a fuzz target
//! can have it without the sandbox.

/// Headers of one answer.
const MAX_HEADERS: usize = 64;
/// Bytes of all header names and values of one answer.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Headers that a guest may set. The rest is the host's; a header that is not listed is dropped.
const ALLOWED: [&str; 5] = [
    "content-type",
    "content-language",
    "etag",
    "last-modified",
    "content-disposition",
];

/// The headers that pass, in lower case, each once; or why the answer can't be used.
pub(crate) fn allowed(headers: Vec<(String, String)>) -> Result<Vec<(String, String)>, String> {
    if headers.len() > MAX_HEADERS {
        return Err(format!(
            "there are {} headers; there may be {MAX_HEADERS}",
            headers.len()
        ));
    }
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.len().saturating_add(value.len()))
        .sum();
    if size > MAX_HEADER_BYTES {
        return Err(format!(
            "the headers have {size} bytes; they may have {MAX_HEADER_BYTES}"
        ));
    }
    let mut allowed: Vec<(String, String)> = Vec::new();
    for (index, (name, value)) in headers.into_iter().enumerate() {
        // Also those that will be dropped: a broken one means a broken or hostile guest.
        if !is_token(&name) || !is_value(&value) {
            return Err(format!(
                "header {index} has a name or a value with characters that are not allowed"
            ));
        }
        let name = name.to_ascii_lowercase();
        if !ALLOWED.contains(&name.as_str()) {
            continue;
        }
        if allowed.iter().any(|(other, _)| *other == name) {
            return Err(format!("the header {name} stands there twice"));
        }
        allowed.push((name, value));
    }
    Ok(allowed)
}

/// A header's name after RFC 9110.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A header's value: visible ASCII, spaces and tabs between.
fn is_value(value: &str) -> bool {
    value
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t')
        && value.trim() == value
}
