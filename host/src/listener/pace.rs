//! Time that the other side gets to take what it asked for.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// In this time a reader must take [`STEP`] bytes, or all there is (I11).
const STALL: Duration = Duration::from_secs(10);
const STEP: usize = 16 * 1024;
/// How long, and for how many bytes, a connection is read on after its last answer.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1024 * 1024;
const CHUNK: usize = 4 * 1024;

/// How fast an answer is taken.
#[derive(Default)]
pub(super) struct Pace {
    /// Runs while something waits to be taken.
    stall: Option<Pin<Box<Sleep>>>,
    moved: usize,
}

impl Pace {
    /// What comes of a try to write: so many bytes, or not yet, or an error once it has taken too long.
    pub(super) fn judge(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match wrote {
            Poll::Ready(Ok(count)) => {
                self.moved = self.moved.saturating_add(count);
                if self.moved >= STEP {
                    self.rest();
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let stall = self
                    .stall
                    .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + STALL)));
                ready!(stall.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    /// Everything is taken, or enough of it: the time begins anew with the next wait.
    pub(super) fn rest(&mut self) {
        self.stall = None;
        self.moved = 0;
    }
}

/// Reads on for a moment behind the last answer: closing a socket that has unread bytes would reset the connection, and
/// the answer with it.
pub(super) struct Linger {
    end: Pin<Box<Sleep>>,
    left: usize,
}

impl Linger {
    pub(super) fn begin() -> Self {
        Self {
            end: Box::pin(sleep_until(Instant::now() + LINGER)),
            left: LINGER_BYTES,
        }
    }

    /// Ready once the other side has closed, or has had its time or bytes.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        inner: &mut (impl AsyncRead + Unpin),
    ) -> Poll<io::Result<()>> {
        let mut chunk = [0; CHUNK];
        loop {
            let mut buffer = ReadBuf::new(&mut chunk);
            match Pin::new(&mut *inner).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.left = self.left.saturating_sub(buffer.filled().len());
                    if self.left == 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    ready!(self.end.as_mut().poll(cx));
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}
