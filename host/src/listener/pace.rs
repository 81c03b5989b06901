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
/// In all, an answer may wait to be taken for this long, and longer by a second for each [`SECOND`] that is taken: what
/// keeps just above the pace of [`STEP`] would hold 2 MiB for 20 minutes.
const WHOLE: Duration = Duration::from_mins(1);
const SECOND: usize = 64 * 1024;
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
    /// Since the other side fell behind: when that was, and how many bytes it has taken.
    behind: Option<(Instant, usize)>,
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
                if let Some((_, taken)) = &mut self.behind {
                    *taken = taken.saturating_add(count);
                }
                if self.moved >= STEP {
                    self.stall = None;
                    self.moved = 0;
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let now = Instant::now();
                let (since, taken) = *self.behind.get_or_insert((now, 0));
                let earned = u64::try_from(taken / SECOND).unwrap_or(u64::MAX);
                let end = since + WHOLE + Duration::from_secs(earned);
                let stall = self
                    .stall
                    .get_or_insert_with(|| Box::pin(sleep_until(end.min(now + STALL))));
                ready!(stall.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    /// Everything is taken: the time begins anew with the next wait.
    pub(super) fn rest(&mut self) {
        *self = Self::default();
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Seconds until a reader who takes so many bytes every 9 s is given up, and how many it has taken.
    async fn given_up(step: usize) -> (u64, usize) {
        let (begun, mut pace, mut taken) = (Instant::now(), Pace::default(), 0);
        loop {
            let full = poll_fn(|cx| pace.judge(cx, Poll::Pending));
            let wait = tokio::time::timeout(Duration::from_secs(9), full);
            if let Ok(over) = wait.await {
                over.unwrap_err();
                return (begun.elapsed().as_secs(), taken);
            }
            poll_fn(|cx| pace.judge(cx, Poll::Ready(Ok(step))))
                .await
                .unwrap();
            taken += step;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn i11_a_reader_who_is_always_behind_has_a_minute_and_a_second_for_each_64_kib() {
        // Less than a step: the stall ends it.
        assert_eq!(given_up(STEP / 2).await.0, 10);
        // Just the pace of a step: 16 KiB every 9 s, so a minute and the second that it earns.
        let (seconds, taken) = given_up(STEP).await;
        assert!((60..=70).contains(&seconds), "{seconds}");
        assert!(taken < 128 * 1024, "{taken}");
        // 64 KiB a second earn their own time: the pace that nobody is cut at.
        let mut pace = Pace::default();
        for _ in 0..1000 {
            let full = poll_fn(|cx| pace.judge(cx, Poll::Pending));
            let wait = tokio::time::timeout(Duration::from_secs(1), full);
            assert!(wait.await.is_err());
            poll_fn(|cx| pace.judge(cx, Poll::Ready(Ok(SECOND))))
                .await
                .unwrap();
        }
    }
}
