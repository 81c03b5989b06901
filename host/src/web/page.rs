//! The host's own pages, filled in. Templates are files of `pages/`, embedded; `{{name}}` stands for a text.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

const MESSAGE: &str = include_str!("pages/message.html");

/// The template with its texts put in, each escaped, so that no text can become markup or leave an attribute.
/// A name that the template has and `texts` has not is left empty.
pub(super) fn fill(template: &str, texts: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(template.len() + 256);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        page.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            break;
        };
        if let Some((_, text)) = texts.iter().find(|(known, _)| *known == name) {
            escape_into(&mut page, text);
        }
        rest = after;
    }
    page.push_str(rest);
    page
}

fn escape_into(page: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\'' | '`' | '{' | '}' => {
                // Writing to a String can't fail.
                let _ = write!(page, "&#{};", u32::from(character));
            }
            _ => page.push(character),
        }
    }
}

/// A page that says one thing.
pub(super) fn message(title: &str, text: &str, request_id: &str) -> Body {
    Body::from(fill(
        MESSAGE,
        &[("title", title), ("text", text), ("request_id", request_id)],
    ))
}

/// An answer with a page as its body.
pub(super) fn html(page: impl Into<Body>) -> Response {
    let mut response = Response::new(page.into());
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(CONTENT_TYPE, HTML);
    response
}

/// The media type of every page.
pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_put_in_and_can_not_become_markup() {
        let page = fill(
            "<p title=\"{{a}}\">{{b}}</p>{{none}}",
            &[("a", "x\" onload='y"), ("b", "<b>&{{a}}")],
        );
        assert_eq!(
            page,
            "<p title=\"x&#34; onload=&#39;y\">&#60;b&#62;&#38;&#123;&#123;a&#125;&#125;</p>"
        );
    }

    #[test]
    fn every_template_names_only_texts_that_are_given() {
        let page = fill(
            MESSAGE,
            &[("title", "T"), ("text", "X"), ("request_id", "R")],
        );
        assert!(!page.contains("{{") && page.contains("<title>T</title>"));
    }
}
