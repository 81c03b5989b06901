//! Public files: the host's own scripts and styles, embedded, and the `ui/` files of packages. Code without data.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;

use super::Web;
use super::error::WebError;
use super::path;
use crate::model::Slug;

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
/// The channel script that apps' pages include.
const CHANNEL: &str = include_str!("pages/airlock.js");
/// What the host's own pages are made of, under `/assets/`.
const FILES: [(&str, &str, &str); 6] = [
    ("shell.css", CSS, include_str!("pages/shell.css")),
    ("enter.js", JAVASCRIPT, include_str!("pages/enter.js")),
    ("shell.js", JAVASCRIPT, include_str!("pages/shell.js")),
    ("channel.js", JAVASCRIPT, include_str!("pages/channel.js")),
    ("request.js", JAVASCRIPT, include_str!("pages/request.js")),
    ("mark.svg", SVG, include_str!("pages/mark.svg")),
];
/// A digest in an address is the SHA-256 in lower-case hexadecimal.
const DIGEST_LENGTH: usize = 64;

/// One of the host's own files.
pub(super) async fn own(name: Result<Path<String>, PathRejection>) -> Result<Response, WebError> {
    let Path(name) = name.map_err(|_| WebError::NotFound)?;
    let (_, media_type, text) = FILES
        .iter()
        .find(|(known, ..)| *known == name)
        .ok_or(WebError::NotFound)?;
    Ok(file(media_type, Body::from(*text)))
}

/// `airlock.js`.
pub(super) async fn channel() -> Response {
    file(JAVASCRIPT, Body::from(CHANNEL))
}

/// A file of a package's page. Its address names the version, so all but HTML may be kept for ever.
pub(super) async fn ui(State(web): State<Web>, request: Request) -> Result<Response, WebError> {
    let (slug, digest, name) = ui_address(request.uri().path()).ok_or(WebError::NotFound)?;
    let page = web
        .runtime()
        .registry()
        .find_page(&slug, digest, web.now())
        .ok_or(WebError::NotFound)?;
    let found = page.files().find(&name).ok_or(WebError::NotFound)?;
    let mut response = file(found.media_type, Body::from(found.bytes.clone()));
    if !found.media_type.starts_with("text/html") {
        let keep = HeaderValue::from_static("public, max-age=31536000, immutable");
        response.headers_mut().insert(CACHE_CONTROL, keep);
    }
    Ok(response)
}

/// App, digest and file of `/ui/{app}/{digest}/{path}`, each of exactly the right form.
fn ui_address(path: &str) -> Option<(Slug, &str, String)> {
    let (slug, rest) = path.strip_prefix("/ui/")?.split_once('/')?;
    let (digest, name) = rest.split_once('/')?;
    let hexadecimal = digest
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if digest.len() != DIGEST_LENGTH || !hexadecimal || name.ends_with('/') {
        return None;
    }
    let name = path::segments(name).ok()?.join("/");
    Some((Slug::parse(slug).ok()?, digest, name))
}

fn file(media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_address() {
        let digest = "0123456789abcdef".repeat(4);
        let (slug, found, name) = ui_address(&format!("/ui/kyc/{digest}/js/a%20b.js"))
            .map(|(slug, digest, name)| (slug, digest.to_owned(), name))
            .unwrap();
        assert_eq!(
            (slug.as_str(), found, name.as_str()),
            ("kyc", digest.clone(), "js/a b.js")
        );
        for path in [
            format!("/ui/kyc/{digest}/../kyc/app.wasm"),
            format!("/ui/kyc/{digest}/%2e%2e/app.wasm"),
            format!("/ui/kyc/{digest}/a%2fb"),
            format!("/ui/kyc/{digest}//a"),
            format!("/ui/kyc/{digest}/a/"),
            format!("/ui/kyc/{digest}"),
            format!("/ui/KYC/{digest}/a"),
            format!("/ui/kyc/{}/a", digest.to_uppercase()),
            format!("/ui/kyc/{}/a", &digest[1..]),
        ] {
            assert!(ui_address(&path).is_none(), "{path} passed");
        }
    }

    #[test]
    fn the_hosts_pages_name_only_files_that_are_served() {
        let pages = [
            include_str!("pages/enter.html"),
            include_str!("pages/shell.html"),
            include_str!("pages/message.html"),
        ];
        for page in pages {
            for (_, rest) in page
                .match_indices("/assets/")
                .map(|(at, found)| page.split_at(at + found.len()))
            {
                let name = rest.split('"').next().unwrap();
                assert!(
                    FILES.iter().any(|(known, ..)| *known == name),
                    "{name} is not served"
                );
            }
            assert!(
                !page.contains("<style") && !page.contains(" style=") && !page.contains("<script>")
            );
        }
    }
}
