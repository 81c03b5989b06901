//! A probe: looks through all of its memory for bytes that should not be there, such as the key of its install.
//!
//! | under `api/` | answers |
//! | --- | --- |
//! | `GET marker` | a text that lies in this component's memory: the hunt must find it |
//! | `POST hunt {"mask": 90, "patterns": ["hex…"]}` | how often each pattern was found, and how many bytes were looked at |
//! | `POST crash` | nothing: the component traps |
//!
//! Patterns come with every byte exclusive-ored by the mask, so that a request does not put into memory what is looked for.

use airlock_guest::{App, Collection, Host, Problem, Request, Response, Session};
use serde_json::{Value, json};

/// Stands in this component's data from its first moment on.
const MARKER: &str = "hunt-marker-5b0c6f1e";

/// The app.
#[derive(Debug)]
pub struct Hunt;

impl App for Hunt {
    fn handle(host: &impl Host, _session: &Session, request: &Request) -> Response {
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        match (request.method.as_str(), path.as_slice()) {
            ("GET", ["marker"]) => Response::json(&MARKER),
            ("POST", ["hunt"]) => hunt(host, request).unwrap_or_else(Response::from),
            #[expect(clippy::panic, reason = "what this probe is for")]
            ("POST", ["crash"]) => panic!("as asked"),
            _ => Problem::not_found("There is nothing at this address.").into(),
        }
    }
}

/// Lets the host use the key first: whatever that leaves behind is there when the search begins.
fn hunt(host: &impl Host, request: &Request) -> Result<Response, Problem> {
    let order: Value = request.json()?;
    let mask = order
        .get("mask")
        .and_then(Value::as_u64)
        .and_then(|mask| u8::try_from(mask).ok());
    let patterns: Option<Vec<Vec<u8>>> = order
        .get("patterns")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(bytes)
        .collect();
    let (Some(mask), Some(patterns)) = (mask, patterns) else {
        return Err(Problem::bad_request(
            "Needs a mask and patterns in hexadecimal.",
        ));
    };
    let listed = host.data().list::<Value>(&Collection::Ledgers, &[], None);
    let found: Vec<usize> = patterns
        .iter()
        .map(|pattern| count(mask, pattern))
        .collect();
    Ok(Response::json(
        &json!({ "found": found, "bytes": memory_size(), "used_key": listed.is_ok() }),
    ))
}

fn bytes(hex: &Value) -> Option<Vec<u8>> {
    let hex = hex
        .as_str()
        .filter(|hex| !hex.is_empty() && hex.len() % 2 == 0)?;
    let byte = |at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// How often the pattern lies in memory.
fn count(mask: u8, pattern: &[u8]) -> usize {
    let last = memory_size().saturating_sub(pattern.len());
    // Address 0 is no place to read from, and nothing lies there.
    (1..=last)
        .filter(|at| {
            pattern
                .iter()
                .enumerate()
                .all(|(offset, byte)| read(at + offset) ^ mask == *byte)
        })
        .count()
}

/// Bytes of linear memory.
#[cfg(target_family = "wasm")]
fn memory_size() -> usize {
    core::arch::wasm32::memory_size(0) * 65_536
}

#[cfg(target_family = "wasm")]
#[expect(
    unsafe_code,
    reason = "reading all of the memory is what this probe is for"
)]
fn read(address: usize) -> u8 {
    // SAFETY: the address lies within linear memory, where every byte may be read.
    unsafe { core::ptr::read_volatile(address as *const u8) }
}

/// Outside of WebAssembly there is nothing to look through.
#[cfg(not(target_family = "wasm"))]
fn memory_size() -> usize {
    0
}

#[cfg(not(target_family = "wasm"))]
fn read(_address: usize) -> u8 {
    0
}

airlock_guest::export!(Hunt);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_hexadecimal() {
        assert_eq!(bytes(&json!("5a00ff")), Some(vec![0x5a, 0, 0xff]));
        for wrong in [json!(""), json!("5"), json!("5g"), json!(7)] {
            assert_eq!(bytes(&wrong), None, "{wrong}");
        }
    }
}
