//! A probe: an app that says what it was asked, and remembers it.
//!
//! Tests of the way between page and component use it. `calls` lists every call but itself, so that a test can say not only
//! what was answered but also what never arrived.
//!
//! | under `api/` | answers |
//! | --- | --- |
//! | `ANY echo` | the body, with its media type |
//! | `ANY seen/…` | method, path, query, headers and body length, as JSON |
//! | `GET size/{bytes}` | so many bytes, each its own place modulo 251 |
//! | `POST length` | the body's length and the sum of its bytes |
//! | `GET slow/{milliseconds}` | the number, after that time |
//! | `GET status/{code}` | that status |
//! | `GET header?name=…&value=…` | with that header, which the host may refuse |
//! | `GET calls` | the calls so far, `"METHOD path"`, in no order |

use std::time::Duration;

use airlock_guest::{App, Condition, Host, Problem, Request, Response, Session};
use serde_json::json;

/// More than the host lets through, so that its limit can be met.
const MOST_BYTES: usize = 4 << 20;
/// Less than the host's wall clock.
const MOST_MILLISECONDS: u64 = 4_000;
/// Calls are listed by pages of this size.
const PAGE: u32 = 100;

/// The app.
#[derive(Debug)]
pub struct Echo;

impl App for Echo {
    fn handle(host: &impl Host, _session: &Session, request: &Request) -> Response {
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        if path == ["calls"] {
            return calls(host).unwrap_or_else(Response::from);
        }
        if let Err(problem) = remember(host, request) {
            return problem.into();
        }
        answer(request, &path).unwrap_or_else(Response::from)
    }
}

fn answer(request: &Request, path: &[&str]) -> Result<Response, Problem> {
    match path {
        ["echo"] => {
            let media_type = request
                .header("content-type")
                .unwrap_or("application/octet-stream");
            Ok(Response::empty(200).with_body(media_type, request.body.clone()))
        }
        ["seen", ..] => Ok(Response::json(&seen(request))),
        ["size", bytes] => {
            let bytes = number::<usize>(bytes)?.min(MOST_BYTES);
            let body: Vec<u8> = (0..=250).cycle().take(bytes).collect();
            Ok(Response::empty(200).with_body("application/octet-stream", body))
        }
        ["length"] => {
            let sum: u64 = request.body.iter().copied().map(u64::from).sum();
            Ok(Response::json(
                &json!({ "length": request.body.len(), "sum": sum }),
            ))
        }
        ["slow", milliseconds] => {
            let milliseconds = number::<u64>(milliseconds)?.min(MOST_MILLISECONDS);
            std::thread::sleep(Duration::from_millis(milliseconds));
            Ok(Response::json(&milliseconds))
        }
        ["status", code] => Ok(Response::empty(number(code)?)),
        ["header"] => {
            let (name, value) = (request.query_value("name"), request.query_value("value"));
            let (Some(name), Some(value)) = (name, value) else {
                return Err(Problem::bad_request("Needs name and value."));
            };
            Ok(Response::json(&"see the headers").with_header(name, value))
        }
        _ => Err(Problem::not_found("There is nothing at this address.")),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|_| Problem::bad_request("Not a number that fits."))
}

fn seen(request: &Request) -> serde_json::Value {
    json!({
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": request.headers,
        "body_length": request.body.len(),
    })
}

/// Each call gets a key of its own, so that parallel calls don't meet.
fn remember(host: &impl Host, request: &Request) -> Result<(), Problem> {
    let key = host
        .random(8)
        .iter()
        .fold(0, |key: u64, byte| key << 8 | u64::from(*byte));
    let line = format!("{} {}", request.method, request.path.join("/"));
    host.store()
        .set(&format!("call/{key:016x}"), &line, Condition::Absent)?;
    Ok(())
}

fn calls(host: &impl Host) -> Result<Response, Problem> {
    let mut lines: Vec<String> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = host
            .store()
            .scan::<String>("call/", after.as_deref(), PAGE)?;
        after = page.last().map(|(key, _)| key.clone());
        lines.extend(page.into_iter().map(|(_, stored)| stored.value));
        if after.is_none() {
            return Ok(Response::json(&lines));
        }
    }
}

airlock_guest::export!(Echo);

#[cfg(test)]
mod tests {
    use airlock_guest::testing::FakeHost;

    use super::*;

    fn session() -> Session {
        Session {
            id: "s".to_owned(),
            user_id: None,
            expires_at: 0,
        }
    }

    #[test]
    fn every_call_but_the_question_for_calls_is_remembered() {
        let host = FakeHost::new();
        for path in ["seen/a", "calls", "nowhere"] {
            Echo::handle(&host, &session(), &Request::new("GET", path));
        }
        let answer = Echo::handle(&host, &session(), &Request::new("GET", "calls"));
        let mut lines: Vec<String> = serde_json::from_slice(&answer.body).unwrap();
        lines.sort();
        assert_eq!(lines, ["GET nowhere", "GET seen/a"]);
    }

    #[test]
    fn a_body_comes_back_as_it_was_sent() {
        let bytes: Vec<u8> = (0..=255).collect();
        let request = Request::new("POST", "echo").with_body("image/png", bytes.clone());
        let answer = Echo::handle(&FakeHost::new(), &session(), &request);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("image/png"))
        );
        assert_eq!(answer.body, bytes);
    }
}
