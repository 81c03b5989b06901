//! Whether a connection waits for a request, which decides who may close it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a connection may be idle between two requests.
const IDLE: Duration = Duration::from_secs(30);
/// The same for a trusted proxy, which keeps its connections for a minute or so: if the host were the first to close, a
/// request on its way would be lost, and Cloud sends an event once.
const IDLE_OF_PROXY: Duration = Duration::from_mins(2);

/// What the holder of a seat and those who look for one know of it. A cheap handle.
#[derive(Clone)]
pub(super) struct SeatState {
    idle: Duration,
    now: Arc<Mutex<Now>>,
    gone: CancellationToken,
}

#[derive(Clone, Copy)]
enum Now {
    /// No request is whole yet, since then.
    Waiting(Instant),
    /// A request is served.
    Serving,
    /// The seat is somebody else's.
    GivenAway,
}

impl SeatState {
    /// A connection that has just come.
    pub(super) fn new(of_proxy: bool) -> Self {
        Self {
            idle: if of_proxy { IDLE_OF_PROXY } else { IDLE },
            now: Arc::new(Mutex::new(Now::Waiting(Instant::now()))),
            gone: CancellationToken::new(),
        }
    }

    /// How long the connection may wait between two requests.
    pub(super) fn idle(&self) -> Duration {
        self.idle
    }

    /// A request is whole: nobody may take the seat now. False if somebody has.
    pub(super) fn keep(&self) -> bool {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = !matches!(*now, Now::GivenAway);
        if kept {
            *now = Now::Serving;
        }
        kept
    }

    /// The request is answered; the next is waited for.
    pub(super) fn wait(&self) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*now, Now::Serving) {
            *now = Now::Waiting(Instant::now());
        }
    }

    /// Since when it waits, if it does.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        match *self.now.lock().unwrap_or_else(PoisonError::into_inner) {
            Now::Waiting(since) => Some(since),
            Now::Serving | Now::GivenAway => None,
        }
    }

    /// Takes the seat, if nothing is asked at the moment. Its connection is closed then.
    pub(super) fn give_away(&self) -> bool {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let given = matches!(*now, Now::Waiting(_));
        if given {
            *now = Now::GivenAway;
            self.gone.cancel();
        }
        given
    }

    /// Ready once the seat is somebody else's.
    pub(super) async fn given_away(&self) {
        self.gone.cancelled().await;
    }
}
