//! H41: answers headers that would set cookies, loosen policies, redirect the browser or lie about the body.

use airlock_guest::Response;

pub(crate) fn answer() -> Response {
    [
        ("set-cookie", "session=evil"),
        ("content-security-policy", "default-src *"),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("location", "https://evil.example/"),
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
        ("x-frame-options", "ALLOWALL"),
        ("refresh", "0; url=https://evil.example/"),
        ("clear-site-data", "\"cookies\""),
        ("service-worker-allowed", "/"),
        ("etag", "\"kept\""),
    ]
    .into_iter()
    .fold(
        Response::empty(302).with_body("text/html", "<script>alert(1)</script>"),
        |response, (name, value)| response.with_header(name, value),
    )
}
