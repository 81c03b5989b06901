//! Connections: how many there may be, how slow they may be, and what the head of a request may look like.
//!
//! HTTP/1.1 over plain TCP and nothing else; no protocol is guessed. Each connection is read through a guard (`stream`)
//! that hands hyper one whole, judged request at a time. So a malformed head is answered by us, with the headers that
//! every answer has, and hyper never has a reason to answer by itself.
//!
//! What is slow is closed: a head that is not there after 5 s, a connection that is idle for 30 s between two requests
//! (120 s for a trusted proxy's), a reader that takes less than 16 KiB of an answer in 10 s, or is behind for more than a
//! minute and a second for each 64 KiB. Bodies have their own deadline where they are read. A newcomer to a full house
//! takes the seat of who waits longest between two requests.

mod accept;
mod block;
mod connection;
mod head;
mod pace;
mod seats;
mod stream;
mod waiting;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Response;
use ipnet::IpNet;

pub use accept::{raise_descriptor_limit, serve};
pub use block::AddressBlock;
pub use head::HeadError;

/// How long a stopping listener waits before it closes a connection on which nothing has been asked: a request may be
/// on its way.
pub const GRACE: Duration = Duration::from_secs(1);
/// Time that answers in flight get to end, after which they are cut.
pub const DRAIN: Duration = Duration::from_secs(25);

/// The other end of the connection that a request came over. Every request has it as an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Makes the answer to a head that no router may see. Its length and the end of the connection are added.
pub type Refuse = Arc<dyn Fn(HeadError) -> Response<Vec<u8>> + Send + Sync>;

/// How many connections a listener holds, and how it ends.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What stands in the log for this listener.
    pub name: &'static str,
    /// Connections at once. One more is closed without an answer.
    pub connections: usize,
    /// Connections at once of one address (IPv4) or one network of 64 bits (IPv6).
    pub connections_per_address: usize,
    /// Proxies, who may hold as many as there are.
    pub trusted_proxies: Vec<IpNet>,
    /// How long idle connections are kept once the listener is told to stop.
    pub grace: Duration,
}
