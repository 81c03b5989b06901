//! What `wasmtime serve` runs beside this host in the bench of calls: the work of the probe `tally`, behind `wasi:http`.
//!
//! As plain as such a guest can be: no framework, the body read and written whole, a length instead of chunks.

#[cfg(target_family = "wasm")]
mod bindings;
#[path = "../../tally/src/totals.rs"]
mod totals;

use totals::{Batch, Totals};

/// Status and body of the answer to a body.
pub fn answer(body: &[u8]) -> (u16, Vec<u8>) {
    let Ok(batch) = serde_json::from_slice::<Batch>(body) else {
        return (400, Vec::new());
    };
    match serde_json::to_vec(&Totals::of(batch)) {
        Ok(body) => (200, body),
        Err(_) => (500, Vec::new()),
    }
}

#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "what is generated for the export")]
mod component {
    //! The export.

    use super::answer;
    use super::bindings::exports::wasi::http::incoming_handler::Guest;
    use super::bindings::wasi::http::types::{
        Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
    };
    use super::bindings::wasi::io::streams::StreamError;

    /// Most bytes that are read at once.
    const AT_ONCE: u64 = 64 * 1024;
    /// Most bytes that `wasi:io` takes at once.
    const WRITE: usize = 4096;

    struct Peer;

    impl Guest for Peer {
        fn handle(request: IncomingRequest, response_out: ResponseOutparam) {
            // The bench counts anything but 200 as an error.
            let (status, body) = read(request).map_or((400, Vec::new()), |body| answer(&body));
            let headers = Fields::new();
            let length = body.len().to_string().into_bytes();
            let json = b"application/json".to_vec();
            let _ = headers.append("content-type", &json);
            let _ = headers.append("content-length", &length);
            let response = OutgoingResponse::new(headers);
            let _ = response.set_status_code(status);
            let outgoing = response.body();
            ResponseOutparam::set(response_out, Ok(response));
            if let Ok(outgoing) = outgoing {
                write(outgoing, &body);
            }
        }
    }

    fn read(request: IncomingRequest) -> Option<Vec<u8>> {
        let incoming = request.consume().ok()?;
        let stream = incoming.stream().ok()?;
        let mut body = Vec::new();
        loop {
            match stream.blocking_read(AT_ONCE) {
                Ok(bytes) => body.extend(bytes),
                Err(StreamError::Closed) => return Some(body),
                Err(StreamError::LastOperationFailed(_)) => return None,
            }
        }
    }

    fn write(outgoing: OutgoingBody, body: &[u8]) {
        let Ok(stream) = outgoing.write() else {
            return;
        };
        for part in body.chunks(WRITE) {
            if stream.blocking_write_and_flush(part).is_err() {
                return;
            }
        }
        drop(stream);
        let _ = OutgoingBody::finish(outgoing, None);
    }

    super::bindings::export!(Peer with_types_in super::bindings);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_that_of_the_probe() {
        let body = br#"{"transactions": [{"reference": "a", "currency": "USD", "amount": 5}]}"#;
        let (status, answer) = answer(body);
        let expected = r#"{"count":1,"largest":"a","sums":{"USD":5}}"#;
        assert_eq!((status, answer.as_slice()), (200, expected.as_bytes()));
        assert_eq!(super::answer(b"{").0, 400);
    }
}
