//! The catalogue of hostile requests, I01 to I50: what a stranger on the network may send, and what comes of it.
//!
//! `catalogue` lists every case with the tests that show it, wherever they stand; the modules beside it hold what needs a
//! socket of its own, against the real program.

mod catalogue;
mod clients;
mod clocks;
mod crowd;
mod drain;
mod events;
mod flood;
mod framing;
mod raw;
mod slow;
mod stream;

use url::Url;

use crate::support::Place;

/// A place whose app can't be served: requests to Cloud's two addresses need no more.
fn place() -> Place {
    let nowhere: Url = "http://127.0.0.1:9/".parse().unwrap();
    Place::new(&nowhere).dud("kyc")
}
