//! Printing what a call gave.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;

use super::figures::{Ceilings, Used, rows};
use super::stage;
use super::{joined, json};
use crate::cli::output;

/// A call for scripts, which lean on `status`, `headers`, `body` and `report`.
#[derive(Debug, Serialize)]
pub(super) struct Called<'a> {
    app: &'a str,
    version: Option<&'a str>,
    granted: Vec<&'static str>,
    /// What the page would get: of a call that failed, the host's own answer.
    status: u16,
    headers: BTreeMap<&'a str, String>,
    /// Text, exactly as it came; none where it is no text, or in a file.
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_json: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_file: Option<String>,
    failure: Option<Failure<'a>>,
    report: Used,
    limits: Ceilings,
}

/// Why a call gave no answer.
#[derive(Debug, Serialize)]
struct Failure<'a> {
    /// One word, as in the host's log.
    kind: &'static str,
    reason: String,
    detail: Option<&'a str>,
}

impl<'a> Called<'a> {
    pub(super) fn new(called: &'a stage::Called, file: Option<&Path>) -> Self {
        let answer = called.result.as_ref().ok();
        let failure = called.result.as_ref().err();
        let bytes = answer
            .filter(|_| file.is_none())
            .map(|answer| answer.body.as_slice());
        let body = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        let mut headers: BTreeMap<&str, String> = BTreeMap::new();
        for (name, value) in answer.iter().flat_map(|answer| &answer.headers) {
            headers
                .entry(name)
                .and_modify(|values| *values = format!("{values}, {value}"))
                .or_insert_with(|| value.clone());
        }
        Self {
            app: called.app.slug().as_str(),
            version: called.app.version(),
            granted: called.granted.iter().map(|scope| scope.as_str()).collect(),
            status: match (answer, failure) {
                (Some(answer), _) => answer.status,
                (None, failure) => failure.map_or(502, crate::runtime::CallFailure::status),
            },
            headers,
            body,
            body_json: body.and_then(|text| serde_json::from_str(text).ok()),
            body_base64: bytes
                .filter(|_| body.is_none())
                .map(|bytes| STANDARD.encode(bytes)),
            body_file: answer.and(file).map(|path| path.display().to_string()),
            failure: failure.map(|failure| Failure {
                kind: failure.word(),
                reason: failure.to_string(),
                detail: called.report.detail.as_deref(),
            }),
            report: Used::of(called),
            limits: Ceilings::of(called),
        }
    }
}

/// Prints a call for people: the answer or why there is none, then the figures.
pub(super) fn print(called: &stage::Called, file: Option<&Path>) {
    match &called.result {
        Ok(answer) => {
            output::text(&answer.status.to_string());
            for (name, value) in &answer.headers {
                output::text(&format!("{name}: {value}"));
            }
            body(&answer.body, file);
        }
        Err(failure) => {
            let mut facts = vec![
                ("failed", failure.to_string()),
                ("page gets", failure.status().to_string()),
            ];
            let mut detail = called.report.detail.iter().flat_map(|text| frames(text));
            if let Some(cause) = detail.next() {
                facts.push(("because", cause.to_owned()));
            }
            output::facts(&facts);
            for frame in detail {
                output::text(&format!("           {frame}"));
            }
        }
    }
    let (used, ceilings) = (Used::of(called), Ceilings::of(called));
    output::text("");
    output::table(&["LIMIT", "USED", "OF", "SHARE"], &rows(&used, &ceilings));
    let denied = match used.denied() {
        [] => "none".to_owned(),
        scopes => scopes.join(", "),
    };
    output::text("");
    output::facts(&[("granted", joined(&called.granted)), ("denied", denied)]);
}

/// The lines of a detail, which is kept on one: the cause, then the app's functions from the innermost on.
fn frames(detail: &str) -> impl Iterator<Item = &str> {
    detail.split("\\n").map(str::trim)
}

fn body(bytes: &[u8], file: Option<&Path>) {
    if bytes.is_empty() {
        return;
    }
    output::text("");
    let size = output::bytes(bytes.len() as u64);
    if let Some(path) = file {
        output::text(&format!("({size} written into {})", path.display()));
        return;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let text = json::indented(text).unwrap_or_else(|| text.to_owned());
            output::text(plain(&text).trim_end_matches('\n'));
        }
        Err(_) => output::text(&format!(
            "({size} that are no text; try: --output FILE, or --format json)"
        )),
    }
}

/// The text with what could steer a terminal written as escapes: it is the app's.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && !matches!(character, '\n' | '\t') {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{frames, plain};

    #[test]
    fn a_backtrace_has_a_line_for_each_function() {
        let detail = "wasm trap: x at wasm backtrace:\\n    0: a!f\\n    1: a!g";
        assert_eq!(
            frames(detail).collect::<Vec<_>>(),
            ["wasm trap: x at wasm backtrace:", "0: a!f", "1: a!g"]
        );
    }

    #[test]
    fn an_answer_can_not_steer_the_terminal() {
        assert_eq!(plain("a\n\tb\u{1b}[2J\r"), "a\n\tb\\u{1b}[2J\\r");
    }
}
