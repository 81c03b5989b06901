//! The loop that takes connections, and its end.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::connection::{self, Shared, refusal_bytes};
use super::seats::{Full, Seats};
use super::{DRAIN, Peer, Refuse, Settings};

/// Pause after an error that another try would meet again: no file descriptor is left, or no memory.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the same trouble is told.
const TELL: Duration = Duration::from_secs(10);
/// How often it is told that there are too many connections.
const TELL_FULL: Duration = Duration::from_mins(1);
/// How often a stopping listener looks whether anyone is left.
const LOOK: Duration = Duration::from_millis(20);

/// Serves until `stopping` is cancelled and everything in flight has ended, or was cut after [`DRAIN`].
///
/// Once stopping, answers close their connections; the listener itself closes when nobody is connected any more, at the
/// latest after the grace of its settings.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: Settings,
    refuse: Refuse,
    stopping: CancellationToken,
) {
    let mut connections = Connections {
        seats: Seats::new(&settings),
        tasks: TaskTracker::new(),
        cut: CancellationToken::new(),
        shared: Shared {
            router,
            refusal: refusal_bytes(refuse),
            stopping: stopping.clone(),
            grace: settings.grace,
        },
        name: settings.name,
        told_full: HashMap::new(),
    };
    let mut door = Door {
        listener,
        told: None,
        name: settings.name,
    };
    loop {
        tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            accepted = door.accept() => connections.take(accepted),
        }
    }
    // Whoever has connected already may have asked: all of them are taken before anyone is turned away.
    let end = Instant::now() + settings.grace.max(LOOK);
    while Instant::now() < end {
        tokio::select! {
            biased;
            accepted = door.accept() => connections.take(accepted),
            () = sleep(LOOK) => if connections.seats.held() == 0 { break },
            () = sleep_until(end) => {}
        }
    }
    drop(door);
    connections.drain().await;
}

/// Where connections come in.
struct Door {
    listener: TcpListener,
    told: Option<Instant>,
    name: &'static str,
}

impl Door {
    /// The next connection. Errors neither end the loop nor make it spin.
    async fn accept(&mut self) -> (TcpStream, Peer) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => return (stream, Peer(address)),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if self.told.is_none_or(|told| told.elapsed() > TELL) {
                        self.told = Some(Instant::now());
                        warn!(
                            error = &error as &dyn std::error::Error,
                            "The {} listener can't take connections at the moment", self.name
                        );
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// The caller left before it was taken; the next may be fine.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

struct Connections {
    seats: Seats,
    tasks: TaskTracker,
    cut: CancellationToken,
    shared: Shared,
    name: &'static str,
    /// When it was last told that there is no seat.
    told_full: HashMap<Full, Instant>,
}

impl Connections {
    /// Serves a connection in a task of its own, or closes it where there is no seat.
    fn take(&mut self, (stream, peer): (TcpStream, Peer)) {
        let seat = match self.seats.take(peer.0.ip()) {
            Ok(seat) => seat,
            Err(full) => {
                self.tell(full, peer);
                return;
            }
        };
        let (shared, cut) = (self.shared.clone(), self.cut.clone());
        self.tasks.spawn(async move {
            let state = seat.state().clone();
            tokio::select! {
                () = connection::serve(stream, peer, state.clone(), shared) => {}
                () = state.given_away() => {}
                () = cut.cancelled() => {}
            }
            drop(seat);
        });
    }

    /// Says why a connection was closed, and what to do about it: seldom where the operator looks, since it may be a
    /// flood.
    fn tell(&mut self, full: Full, peer: Peer) {
        debug!(client = %peer.0, "A connection too many was closed: {}", why(full));
        let told = self.told_full.get(&full);
        if told.is_none_or(|told| told.elapsed() >= TELL_FULL) {
            self.told_full.insert(full, Instant::now());
            warn!(
                client = %peer.0.ip(),
                "The {} listener closes connections unanswered: {}", self.name, why(full)
            );
        }
    }

    async fn drain(self) {
        self.tasks.close();
        if timeout(DRAIN, self.tasks.wait()).await.is_err() {
            warn!(
                connections = self.seats.held(),
                "Some answers of the {} listener did not end within {} s and were cut",
                self.name,
                DRAIN.as_secs()
            );
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }
}

fn why(full: Full) -> &'static str {
    match full {
        Full::Total => {
            "as many as listener.connections allows have a request under way; try: a higher listener.connections"
        }
        Full::Address => {
            "its address has as many as listener.connections_per_address allows; try: trusted_proxies, if it is your proxy"
        }
    }
}

/// Lets the process open as many files as the system allows it: connections and apps need more than the usual 1,024.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        debug!(
            error = &error as &dyn std::error::Error,
            "The limit on open files stays as it is"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::sync::Arc;

    use axum::http::Response;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn r1_who_waits_to_be_taken_when_the_host_stops_is_still_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut clients: Vec<_> = (0..20)
            .map(|_| {
                let mut client = std::net::TcpStream::connect(address).unwrap();
                client
                    .set_read_timeout(Some(Duration::from_mins(1)))
                    .unwrap();
                client
                    .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    .unwrap();
                client
            })
            .collect();
        let stopping = CancellationToken::new();
        stopping.cancel();
        let settings = Settings {
            name: "test",
            connections: 100,
            connections_per_address: 100,
            trusted_proxies: Vec::new(),
            grace: Duration::from_secs(10),
        };
        let router = Router::new().fallback(async || "here");
        let refuse: Refuse = Arc::new(|_| Response::new(Vec::new()));
        serve(listener, router, settings, refuse, stopping).await;
        for client in &mut clients {
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
        }
    }
}
