//! From method and path to a handler, with the right refusal where there is none.

use crate::Problem;
use crate::http::{Request, Response};

/// Tries routes in order. The first that fits answers; where a path fits but no method does, it is a 405 with `Allow`, else a 404.
///
/// ```
/// use airlock_guest::{Request, Response, Router};
///
/// let request = Request::new("GET", "identities/idt_1");
/// let response = Router::new(&request)
///     .get("identities", |[]| Ok(Response::empty(200)))
///     .get("identities/{id}", |[id]| Ok(Response::json(&id)))
///     .finish();
/// assert_eq!(response.body, b"\"idt_1\"");
/// ```
#[derive(Debug)]
pub struct Router<'request> {
    request: &'request Request,
    allowed: Vec<&'static str>,
    answer: Option<Response>,
}

impl<'request> Router<'request> {
    /// A router without routes.
    pub fn new(request: &'request Request) -> Self {
        Self {
            request,
            allowed: Vec::new(),
            answer: None,
        }
    }

    /// A route for GET, and for HEAD with the same answer but its body. See [`route`](Self::route).
    #[must_use]
    pub fn get<const N: usize>(
        self,
        pattern: &str,
        handler: impl FnOnce([&'request str; N]) -> Result<Response, Problem>,
    ) -> Self {
        if self.request.method != "HEAD" {
            return self.route("GET", pattern, handler);
        }
        let mut router = self.route("HEAD", pattern, handler);
        if let Some(answer) = &mut router.answer {
            answer.body.clear();
        }
        router
    }

    /// A route for POST. See [`route`](Self::route).
    #[must_use]
    pub fn post<const N: usize>(
        self,
        pattern: &str,
        handler: impl FnOnce([&'request str; N]) -> Result<Response, Problem>,
    ) -> Self {
        self.route("POST", pattern, handler)
    }

    /// A route for any method. The pattern is a path whose segments in braces fit any segment; what they fitted is given to the
    /// handler, in order. A pattern with another number of braces than the handler takes never fits.
    #[must_use]
    pub fn route<const N: usize>(
        mut self,
        method: &'static str,
        pattern: &str,
        handler: impl FnOnce([&'request str; N]) -> Result<Response, Problem>,
    ) -> Self {
        if self.answer.is_some() {
            return self;
        }
        let Some(parameters) = fit(pattern, &self.request.path) else {
            return self;
        };
        if self.request.method == method {
            self.answer = Some(handler(parameters).unwrap_or_else(Response::from));
        } else if !self.allowed.contains(&method) {
            self.allowed.push(method);
        }
        self
    }

    /// The answer.
    pub fn finish(self) -> Response {
        match self.answer {
            Some(answer) => answer,
            None if self.allowed.is_empty() => {
                Problem::not_found("There is nothing at this address.").into()
            }
            None => Problem::method_not_allowed(&self.allowed.join(", ")).into(),
        }
    }
}

fn fit<'path, const N: usize>(pattern: &str, path: &'path [String]) -> Option<[&'path str; N]> {
    let mut segments = path.iter();
    let mut parameters = Vec::new();
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let segment = segments.next()?;
        if part.starts_with('{') {
            parameters.push(segment.as_str());
        } else if part != segment {
            return None;
        }
    }
    if segments.next().is_some() {
        return None;
    }
    parameters.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(method: &str, path: &str) -> Response {
        let request = Request::new(method, path);
        Router::new(&request)
            .get("things", |[]| Ok(Response::json(&"all")))
            .post("things", |[]| Err(Problem::conflict("taken")))
            .get("things/{id}", |[id]| Ok(Response::json(&id)))
            .finish()
    }

    #[test]
    fn the_route_that_fits_answers() {
        assert_eq!(answer("GET", "things").body, b"\"all\"");
        assert_eq!(answer("GET", "things/7").body, b"\"7\"");
        assert_eq!(answer("POST", "things").status, 409);
    }

    #[test]
    fn head_is_get_without_the_body() {
        let head = answer("HEAD", "things");
        assert_eq!((head.status, head.body.len()), (200, 0));
    }

    #[test]
    fn a_known_path_with_another_method_is_a_405_that_says_what_would_do() {
        let refused = answer("DELETE", "things");
        assert_eq!(
            (refused.status, refused.header("allow")),
            (405, Some("GET, POST"))
        );
    }

    #[test]
    fn an_unknown_path_is_a_404() {
        for path in ["", "thing", "things/7/more"] {
            assert_eq!(answer("GET", path).status, 404, "{path}");
        }
    }
}
