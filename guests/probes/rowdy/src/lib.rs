//! A probe: a bad neighbor, who uses up what a call may have, and no more.
//!
//! The bench of neighbors asks it for one misdeed after the other, many at a time, and looks how another app fares
//! meanwhile. Each misdeed ends just before the host would end it: an app that breaks its limits is shut after a few calls,
//! and would be no bad neighbor for long.
//!
//! | under `api/` | does |
//! | --- | --- |
//! | `POST loop` | computes for three seconds, of which its turn comes now and then |
//! | `POST memory` | takes all the memory it gets, touches it, lets go, and begins again, for as long |
//! | `POST calls` | calls the host as often as it may |
//! | `POST log` | writes the longest lines as often |
//! | `POST store` | writes records for three seconds |
//! | `POST slow` | waits for four seconds |
//!
//! All answer 204.

use std::hint::black_box;
use std::time::{Duration, Instant};

use airlock_guest::{App, Condition, Host, Problem, Request, Response, Router, Session};

const PIECE: usize = 1 << 20;
/// Between two bytes that are touched: a page of the system.
const PAGE: usize = 4096;
const LINE: usize = 4096;
/// Pieces of all the memory that a call may have, but for the guest's own.
const MOST_PIECES: usize = 56;
/// Less than the host's wall clock, with room for the last turn.
const WAIT: Duration = Duration::from_secs(4);
/// Short enough that no call uses its processor time up where sixteen share one thread.
const LENGTH: Duration = Duration::from_secs(3);
/// Calls into the host, of which the clock of the system takes some too.
const CALLS: usize = 9_000;

/// The app.
#[derive(Debug)]
pub struct Rowdy;

impl App for Rowdy {
    fn handle(host: &impl Host, _session: &Session, request: &Request) -> Response {
        Router::new(request)
            .post("loop", |[]| done(compute))
            .post("memory", |[]| done(take_memory))
            .post("calls", |[]| done(|| call(host)))
            .post("log", |[]| done(|| log(host)))
            .post("store", |[]| store(host))
            .post("slow", |[]| done(|| std::thread::sleep(WAIT)))
            .finish()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what the router takes")]
fn done(misdeed: impl FnOnce()) -> Result<Response, Problem> {
    misdeed();
    Ok(Response::empty(204))
}

/// Whether a misdeed goes on.
fn goes_on(begun: Instant) -> bool {
    begun.elapsed() < LENGTH
}

fn compute() {
    let begun = Instant::now();
    let mut number = 1_u64;
    while goes_on(begun) {
        for _ in 0..1_000_000 {
            number = black_box(
                number
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1),
            );
        }
    }
}

fn take_memory() {
    let begun = Instant::now();
    while goes_on(begun) {
        let mut pieces = Vec::new();
        while goes_on(begun) && pieces.len() < MOST_PIECES {
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

fn call(host: &impl Host) {
    for _ in 0..CALLS {
        black_box(host.now());
    }
}

fn log(host: &impl Host) {
    let line = "x".repeat(LINE);
    for _ in 0..CALLS {
        host.log().warn(&line, &[]);
    }
}

/// Always the same few keys, so that the quota is no end.
fn store(host: &impl Host) -> Result<Response, Problem> {
    let (begun, value) = (Instant::now(), "x".repeat(1024));
    for number in (0..4).cycle().take_while(|_| goes_on(begun)) {
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
