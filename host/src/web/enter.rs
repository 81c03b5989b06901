//! The page that a launch address opens. It is the same for everybody and consumes nothing: a preview, a prefetch or a
//! reload does no harm. Its script takes the token out of the address and exchanges it at `/session`.

use axum::response::Response;

use super::page;

const ENTER: &str = include_str!("pages/enter.html");

/// Answers with the page, whatever the query says.
pub(super) async fn show() -> Response {
    page::html(ENTER)
}
