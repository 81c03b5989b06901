//! The loop that takes connections, and its end.

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
    let connections = Connections {
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
    let end = Instant::now() + settings.grace;
    while connections.seats.held() > 0 && Instant::now() < end {
        tokio::select! {
            accepted = door.accept() => connections.take(accepted),
            () = sleep(LOOK) => {}
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
}

impl Connections {
    /// Serves a connection in a task of its own, or closes it where there is no seat.
    fn take(&self, (stream, peer): (TcpStream, Peer)) {
        let seat = match self.seats.take(peer.0.ip()) {
            Ok(seat) => seat,
            Err(full) => {
                debug!(client = %peer.0, "A connection too many was closed: {}", why(full));
                return;
            }
        };
        let (shared, cut) = (self.shared.clone(), self.cut.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = connection::serve(stream, peer, shared) => {}
                () = cut.cancelled() => {}
            }
            drop(seat);
        });
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
        Full::Total => "listener.connections are open",
        Full::Address => {
            "its address has listener.connections_per_address; a proxy belongs into trusted_proxies"
        }
    }
}

/// Lets the process open as many files as the system allows it: the connections need more than the usual 1,024.
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
