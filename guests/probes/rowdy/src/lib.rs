//! A probe: a bad neighbor, who uses up what a call may have.
//!
//! The bench of neighbors asks it for one misdeed after the other, many at a time, and looks how another app fares
//! meanwhile. What does not end by itself is ended by the host.
//!
//! | under `api/` | does |
//! | --- | --- |
//! | `POST loop` | computes for ever |
//! | `POST memory` | takes all the memory it gets, touches it, lets go, and begins again |
//! | `POST calls` | calls the host for ever |
//! | `POST log` | writes the longest lines for ever |
//! | `POST store` | writes records for ever |
//! | `POST slow` | waits for four seconds, then answers |

use std::hint::black_box;
use std::time::Duration;

use airlock_guest::{App, Condition, Host, Problem, Request, Response, Router, Session};

const PIECE: usize = 1 << 20;
/// Between two bytes that are touched: a page of the system.
const PAGE: usize = 4096;
const LINE: usize = 4096;
/// Less than the host's wall clock.
const WAIT: Duration = Duration::from_secs(4);

/// The app.
#[derive(Debug)]
pub struct Rowdy;

impl App for Rowdy {
    fn handle(host: &impl Host, _session: &Session, request: &Request) -> Response {
        Router::new(request)
            .post("loop", |[]| compute())
            .post("memory", |[]| take_memory())
            .post("calls", |[]| call(host))
            .post("log", |[]| log(host))
            .post("store", |[]| store(host))
            .post("slow", |[]| {
                std::thread::sleep(WAIT);
                Ok(Response::empty(204))
            })
            .finish()
    }
}

fn compute() -> ! {
    let mut number = 1_u64;
    loop {
        number = black_box(
            number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1),
        );
    }
}

fn take_memory() -> ! {
    loop {
        let mut pieces = Vec::new();
        loop {
            let mut piece: Vec<u8> = Vec::new();
            if pieces.try_reserve(1).is_err() || piece.try_reserve_exact(PIECE).is_err() {
                break;
            }
            piece.resize(PIECE, 0);
            for byte in piece.iter_mut().step_by(PAGE) {
                *byte = 1;
            }
            pieces.push(black_box(piece));
        }
    }
}

fn call(host: &impl Host) -> ! {
    loop {
        black_box(host.now());
    }
}

fn log(host: &impl Host) -> ! {
    let line = "x".repeat(LINE);
    loop {
        host.log().warn(&line, &[]);
    }
}

/// Always the same few keys, so that the quota is no end.
fn store(host: &impl Host) -> Result<Response, Problem> {
    let value = "x".repeat(1024);
    for number in (0..4).cycle() {
        host.store()
            .set(&format!("key/{number}"), &value, Condition::Always)?;
    }
    Ok(Response::empty(204))
}

airlock_guest::export!(Rowdy);

#[cfg(test)]
mod tests {
    use airlock_guest::testing::FakeHost;

    use super::*;

    #[test]
    fn what_nobody_asked_for_is_not_done() {
        let session = Session {
            id: "s".to_owned(),
            user_id: None,
            expires_at: 0,
        };
        for (method, path, status) in [("GET", "loop", 405), ("POST", "nothing", 404)] {
            let answer = Rowdy::handle(&FakeHost::new(), &session, &Request::new(method, path));
            assert_eq!(answer.status, status);
        }
    }
}
