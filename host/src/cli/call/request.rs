//! What is asked of the app: the words of the command line, checked as the public listener checks a page's request.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::cli::output;
use crate::model::{Permission, nearest};
use crate::runtime::REQUEST_HEADERS;
use crate::web::{MAX_BODY, METHODS};

pub(super) use crate::web::Target;

/// One header, its name in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) value: String,
}

/// What `--grant` lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GrantList(pub(super) Vec<Permission>);

/// A method that a page may use, in upper case.
pub(super) fn method(text: &str) -> Result<&'static str, String> {
    let upper = text.to_ascii_uppercase();
    let known = METHODS.split(", ").find(|method| *method == upper);
    known.ok_or_else(|| format!("a page can use {METHODS}"))
}

/// What follows `api/`; a slash before it, and `api/` itself, may be there too.
pub(super) fn target(text: &str) -> Result<Target, String> {
    let path = text.strip_prefix('/').unwrap_or(text);
    let path = path.strip_prefix("api/").unwrap_or(path);
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    Target::parse(path, query).map_err(|error| error.to_string())
}

/// `name: value`.
pub(super) fn header(text: &str) -> Result<Header, String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("a header is NAME: VALUE, such as accept: text/html")?;
    let name = name.trim().to_ascii_lowercase();
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err("a header's name is letters, digits and hyphens".to_owned());
    }
    let value = value.trim();
    if value.chars().any(char::is_control) {
        return Err("a header's value has no control characters".to_owned());
    }
    Ok(Header {
        name,
        value: value.to_owned(),
    })
}

/// Scopes separated by commas; `none` and nothing at all are no scopes.
pub(super) fn grants(text: &str) -> Result<GrantList, String> {
    let mut scopes = Vec::new();
    if text.trim() == "none" {
        return Ok(GrantList(scopes));
    }
    for name in text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let Some(scope) = Permission::find(name) else {
            let known = Permission::ALL.map(Permission::as_str);
            let hint = match nearest(name, known) {
                Some(name) => format!("did you mean {name}?"),
                None => format!("known are {}, and none", known.join(", ")),
            };
            return Err(format!("\"{}\" is no scope; {hint}", name.escape_debug()));
        };
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(GrantList(scopes))
}

/// The body of a file or of standard input; empty without one.
pub(super) fn body(source: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    let Some(path) = source else {
        return Ok(Vec::new());
    };
    let (name, reader): (String, Box<dyn std::io::Read>) = if path == Path::new("-") {
        ("standard input".to_owned(), Box::new(std::io::stdin()))
    } else {
        let name = path.display().to_string();
        let file = std::fs::File::open(path)
            .with_context(|| format!("reading the body from {name}; try: --body FILE"))?;
        (name, Box::new(file))
    };
    let mut bytes = Vec::new();
    let read = reader.take(MAX_BODY as u64 + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("reading the body from {name}"))?;
    ensure!(
        bytes.len() <= MAX_BODY,
        "the body in {name} is longer than {}, which is all that a page may send",
        output::bytes(MAX_BODY as u64)
    );
    Ok(bytes)
}

/// The headers that reach the guest. A body without a type is given one, as a page that sends JSON would.
pub(super) fn told(headers: &[Header], body: &[u8]) -> Vec<(String, String)> {
    let (told, left_out): (Vec<_>, Vec<_>) = headers
        .iter()
        .partition(|header| REQUEST_HEADERS.contains(&header.name.as_str()));
    if !left_out.is_empty() {
        let names: Vec<_> = left_out.iter().map(|header| header.name.as_str()).collect();
        output::note(&format!(
            "left out {}: of a page's headers an app is told {} alone",
            names.join(", "),
            REQUEST_HEADERS.join(", ")
        ));
    }
    let mut told: Vec<_> = told
        .into_iter()
        .map(|header| (header.name.clone(), header.value.clone()))
        .collect();
    if !body.is_empty() && !told.iter().any(|(name, _)| name == "content-type") {
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
        let kind = if is_json {
            "application/json"
        } else {
            "application/octet-stream"
        };
        told.push(("content-type".to_owned(), kind.to_owned()));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_those_of_a_page_in_any_case() {
        assert_eq!(method("get"), Ok("GET"));
        assert_eq!(method("DELETE"), Ok("DELETE"));
        assert!(method("TRACE").unwrap_err().contains("PATCH"));
    }

    #[test]
    fn a_path_is_what_follows_api_however_it_is_written() {
        for text in ["a/b?q=1", "/a/b?q=1", "api/a/b?q=1", "/api/a/b?q=1"] {
            let target = target(text).unwrap();
            assert_eq!(target.path, ["a", "b"], "{text}");
            assert_eq!(target.query, [("q".to_owned(), "1".to_owned())]);
        }
        assert!(target("a/../b").is_err());
        assert!(target("a%2fb").is_err());
    }

    #[test]
    fn headers_have_a_name_and_a_value() {
        let header = |text| super::header(text).map(|header| (header.name, header.value));
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(header("Accept: a:b"), pair("accept", "a:b"));
        assert_eq!(header("accept:"), pair("accept", ""));
        for text in ["accept", ": x", "a b: x", "a: \u{7}"] {
            assert!(header(text).is_err(), "{text}");
        }
    }

    #[test]
    fn grants_are_known_scopes_or_none() {
        let grants = |text| super::grants(text).map(|list| list.0);
        assert_eq!(
            grants("data:write, data:read,data:write"),
            Ok(vec![Permission::DataWrite, Permission::DataRead])
        );
        assert_eq!(grants("none"), Ok(vec![]));
        assert_eq!(grants(""), Ok(vec![]));
        assert_eq!(
            grants("data:raed"),
            Err("\"data:raed\" is no scope; did you mean data:read?".to_owned())
        );
        assert!(grants("x").unwrap_err().contains("known are data:read"));
    }

    #[test]
    fn a_body_gets_a_type_unless_it_has_one() {
        let given = [header("content-type: text/plain").unwrap()];
        let kind = |headers: &[Header], body: &[u8]| {
            let told = told(headers, body);
            told.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
        };
        assert_eq!(kind(&[], b"{\"a\": 1}"), ["application/json"]);
        assert_eq!(kind(&[], b"a=1"), ["application/octet-stream"]);
        assert_eq!(kind(&given, b"{}"), ["text/plain"]);
        assert_eq!(kind(&[], b""), Vec::<String>::new());
        assert_eq!(
            kind(&[header("cookie: x").unwrap()], b""),
            Vec::<String>::new()
        );
    }
}
