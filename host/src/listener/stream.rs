//! A connection as hyper sees it: one whole request at a time, and never a slow one.
//!
//! The guard keeps a head back until it is whole and judged, and what follows a request until its answer is sent. So
//! hyper finds a request or the end of the connection, and nothing that it would answer by itself.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::head::{self, Framing, HeadError, MAX_HEAD};
use super::pace::{Linger, Pace};
use super::waiting::SeatState;

/// How long a head may take, from its first byte or from the beginning of the connection (I08, I09).
const HEAD: Duration = Duration::from_secs(5);
const CHUNK: usize = 4 * 1024;

/// What the guard and the service of one connection tell each other.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// The answer's body is in hyper's hands as a whole.
    handed_over: AtomicBool,
    /// No other request can follow on this connection.
    last: AtomicBool,
}

impl Exchange {
    /// The service's body is used up, or was thrown away.
    pub(super) fn finish(&self) {
        self.handed_over.store(true, Ordering::Release);
    }

    pub(super) fn is_last(&self) -> bool {
        self.last.load(Ordering::Acquire)
    }
}

enum Phase {
    /// Waiting for a whole head.
    Head,
    /// This much of the request is still to be handed over, its head included.
    Request(Framing),
    /// The request is handed over; its answer is not sent yet.
    Answer,
    /// Sending an answer of our own, which is the last.
    Refusing(Vec<u8>, usize),
    /// Nothing more is read.
    Over,
}

/// Bytes of the answer to a refused head.
pub(super) type RefusalBytes = Arc<dyn Fn(HeadError) -> Vec<u8> + Send + Sync>;

/// The guard around a connection.
pub(super) struct Guarded<S> {
    inner: S,
    exchange: Arc<Exchange>,
    refusal: RefusalBytes,
    seat: SeatState,
    stopping: CancellationToken,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    grace: Duration,
    phase: Phase,
    input: Vec<u8>,
    searched: usize,
    /// The answer to the current request has left hyper.
    sent: bool,
    /// When the head must be whole.
    deadline: Pin<Box<Sleep>>,
    /// A head has begun and is not whole, and the deadline is its own.
    begun: bool,
    reader: Option<Waker>,
    pace: Pace,
    /// Bytes may be unread, so the connection must not be closed at once.
    unread: bool,
    linger: Option<Linger>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
    pub(super) fn new(
        inner: S,
        exchange: Arc<Exchange>,
        refusal: RefusalBytes,
        seat: SeatState,
        stopping: CancellationToken,
        grace: Duration,
    ) -> Self {
        Self {
            inner,
            exchange,
            refusal,
            seat,
            stop: Box::pin(stopping.clone().cancelled_owned()),
            stopping,
            grace,
            phase: Phase::Head,
            input: Vec::new(),
            searched: 0,
            sent: false,
            deadline: Box::pin(sleep_until(Instant::now() + HEAD)),
            begun: false,
            reader: None,
            pace: Pace::default(),
            unread: false,
            linger: None,
        }
    }

    /// Reads what has come into `input`. `Ready(0)` is the end.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut chunk = [0; CHUNK];
        let mut buffer = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer))?;
        self.input.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Waits for a whole head and judges it.
    fn read_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match head::judge(&self.input, &mut self.searched) {
                Ok(Some(head)) => {
                    if !self.seat.keep() {
                        self.phase = Phase::Over;
                        return Poll::Ready(Ok(()));
                    }
                    let chunked = head.framing == Framing::Chunked;
                    self.exchange.last.store(chunked, Ordering::Release);
                    self.exchange.handed_over.store(false, Ordering::Release);
                    self.sent = false;
                    self.begun = false;
                    self.searched = 0;
                    self.phase = Phase::Request(match head.framing {
                        Framing::Length(body) => {
                            Framing::Length(body.saturating_add(head.length as u64))
                        }
                        Framing::Chunked => Framing::Chunked,
                    });
                    return Poll::Ready(Ok(()));
                }
                // Most heads come whole, and setting a timer takes a lock that all connections share.
                Ok(None) if !self.input.is_empty() && !self.begun => {
                    self.begun = true;
                    self.deadline.as_mut().reset(Instant::now() + HEAD);
                }
                Ok(None) => {}
                Err(error) => {
                    self.phase = Phase::Refusing((self.refusal)(error), 0);
                    return Poll::Ready(Ok(()));
                }
            }
            match self.fill(cx) {
                Poll::Ready(Ok(0)) => {
                    self.phase = Phase::Over;
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    if self.input.is_empty() && self.stop.as_mut().poll(cx).is_ready() {
                        // A cancelled future must not be asked again.
                        self.stop = Box::pin(CancellationToken::new().cancelled_owned());
                        self.shorten(self.grace);
                    }
                    ready!(self.deadline.as_mut().poll(cx));
                    self.phase = Phase::Over;
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Brings the deadline forward, never back.
    fn shorten(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        if deadline < self.deadline.deadline() {
            self.deadline.as_mut().reset(deadline);
        }
    }

    /// Hands over what belongs to the request, and not a byte more.
    fn hand_over(
        &mut self,
        cx: &mut Context<'_>,
        left: Framing,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = match left {
            Framing::Length(left) => usize::try_from(left).unwrap_or(usize::MAX),
            Framing::Chunked => usize::MAX,
        };
        let most = most.min(out.remaining());
        let count = if self.input.is_empty() {
            let mut part = ReadBuf::new(out.initialize_unfilled_to(most));
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut part))?;
            let count = part.filled().len();
            out.advance(count);
            count
        } else {
            let count = most.min(self.input.len());
            let rest = self.input.split_off(count);
            out.put_slice(&self.input);
            self.input = rest;
            count
        };
        // Where chunks end is not looked for.
        if let Framing::Length(left) = left {
            self.phase = match left.saturating_sub(count as u64) {
                0 => Phase::Answer,
                left => Phase::Request(Framing::Length(left)),
            };
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until the answer is sent, and notices a caller who leaves before. `Ready(true)` is the end.
    fn watch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if self.sent {
                self.phase = Phase::Head;
                self.seat.wait();
                self.deadline
                    .as_mut()
                    .reset(Instant::now() + self.seat.idle());
                if !self.input.is_empty() {
                    self.begun = true;
                    self.shorten(HEAD);
                } else if self.stopping.is_cancelled() {
                    self.shorten(self.grace);
                }
                return Poll::Ready(Ok(false));
            }
            if self.input.len() < MAX_HEAD
                && let Poll::Ready(count) = self.fill(cx)?
            {
                if count == 0 {
                    return Poll::Ready(Ok(true));
                }
                continue;
            }
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
    }

    /// Sends the rest of an answer of our own.
    fn refuse(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unread = true;
        while let Phase::Refusing(bytes, sent) = &mut self.phase {
            let rest = bytes.get(*sent..).unwrap_or_default();
            if rest.is_empty() {
                self.phase = Phase::Over;
                break;
            }
            let wrote = Pin::new(&mut self.inner).poll_write(cx, rest);
            match ready!(self.pace.judge(cx, wrote))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => *sent += count,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Only answers of the service are sent. hyper answers by itself only what the guard would not have let through, so
    /// this closes a connection about which the two disagree.
    fn may_write(&self) -> io::Result<()> {
        match self.phase {
            Phase::Request(_) | Phase::Answer => Ok(()),
            Phase::Head | Phase::Refusing(..) | Phase::Over => Err(io::Error::other(
                "an answer that no request of this connection has",
            )),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.phase {
                Phase::Head => ready!(this.read_head(cx))?,
                Phase::Request(left) => return this.hand_over(cx, left, out),
                Phase::Answer => {
                    if ready!(this.watch(cx))? {
                        return Poll::Ready(Ok(()));
                    }
                }
                Phase::Refusing(..) => ready!(this.refuse(cx))?,
                Phase::Over => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.may_write()?;
        let wrote = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.pace.judge(cx, wrote)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.may_write()?;
        let wrote = Pin::new(&mut this.inner).poll_write_vectored(cx, parts);
        this.pace.judge(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    /// hyper flushes once it has written all it has.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.inner).poll_flush(cx))?;
        this.pace.rest();
        if !this.sent && this.exchange.handed_over.load(Ordering::Acquire) {
            this.sent = true;
            if let Some(reader) = this.reader.take() {
                reader.wake();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ends our side, then reads on for a moment: closing a socket that has unread bytes would take the answer back.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if matches!(this.phase, Phase::Request(_)) {
            this.unread = true;
        }
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
            if !this.unread {
                return Poll::Ready(Ok(()));
            }
        }
        let linger = this.linger.get_or_insert_with(Linger::begin);
        linger.poll(cx, &mut this.inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    fn guarded() -> (Guarded<DuplexStream>, DuplexStream, Arc<Exchange>) {
        guarded_of(SeatState::new(false))
    }

    fn guarded_of(seat: SeatState) -> (Guarded<DuplexStream>, DuplexStream, Arc<Exchange>) {
        let (ours, theirs) = duplex(64 * 1024);
        let exchange = Arc::new(Exchange::default());
        let refusal: RefusalBytes = Arc::new(|error| format!("{error:?}").into_bytes());
        let stopping = CancellationToken::new();
        let guarded = Guarded::new(
            ours,
            exchange.clone(),
            refusal,
            seat,
            stopping,
            Duration::ZERO,
        );
        (guarded, theirs, exchange)
    }

    const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab";

    #[tokio::test]
    async fn a_second_request_is_kept_back_until_the_answer_is_sent() {
        let (mut guarded, mut client, exchange) = guarded();
        client.write_all(&REQUEST.repeat(2)).await.unwrap();
        let mut seen = vec![0; REQUEST.len()];
        guarded.read_exact(&mut seen).await.unwrap();
        assert_eq!(seen, REQUEST);
        let early = tokio::time::timeout(Duration::from_millis(50), guarded.read(&mut seen));
        assert!(early.await.is_err(), "more came before the answer");
        guarded.write_all(b"answer").await.unwrap();
        exchange.finish();
        guarded.flush().await.unwrap();
        guarded.read_exact(&mut seen).await.unwrap();
        assert_eq!(seen, REQUEST);
    }

    #[tokio::test]
    async fn what_answers_no_request_is_not_sent() {
        let (mut guarded, mut client, exchange) = guarded();
        guarded.write_all(b"HTTP/1.1 400 Bad").await.unwrap_err();
        client.write_all(REQUEST).await.unwrap();
        let mut seen = vec![0; REQUEST.len()];
        guarded.read_exact(&mut seen).await.unwrap();
        guarded.write_all(b"answer").await.unwrap();
        exchange.finish();
        guarded.flush().await.unwrap();
        // The next head is waited for, so the answer is over.
        let wait = tokio::time::timeout(Duration::from_millis(50), guarded.read(&mut seen));
        assert!(wait.await.is_err());
        guarded
            .write_all(b"HTTP/1.1 408 Request")
            .await
            .unwrap_err();
        drop(guarded);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
    }

    #[tokio::test]
    async fn a_refused_head_is_answered_by_us_and_hyper_sees_the_end() {
        let (mut guarded, mut client, _) = guarded();
        client.write_all(b"no request\r\n\r\n").await.unwrap();
        let mut seen = [0; 16];
        assert_eq!(guarded.read(&mut seen).await.unwrap(), 0);
        drop(guarded);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"Malformed");
    }

    /// Seconds that a connection is kept after an answer.
    async fn kept(seat: SeatState) -> u64 {
        let (mut guarded, mut client, exchange) = guarded_of(seat);
        client.write_all(REQUEST).await.unwrap();
        let mut seen = vec![0; REQUEST.len()];
        guarded.read_exact(&mut seen).await.unwrap();
        guarded.write_all(b"answer").await.unwrap();
        exchange.finish();
        guarded.flush().await.unwrap();
        let begun = Instant::now();
        assert_eq!(guarded.read(&mut seen).await.unwrap(), 0);
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_kept_for_30_s_and_one_of_a_trusted_proxy_for_120_s() {
        assert_eq!(kept(SeatState::new(false)).await, 30);
        assert_eq!(kept(SeatState::new(true)).await, 120);
    }

    #[tokio::test]
    async fn who_has_given_its_seat_away_is_not_served_any_more() {
        let seat = SeatState::new(false);
        let (mut guarded, mut client, _) = guarded_of(seat.clone());
        assert!(seat.give_away());
        client.write_all(REQUEST).await.unwrap();
        let mut seen = vec![0; REQUEST.len()];
        assert_eq!(guarded.read(&mut seen).await.unwrap(), 0);
        let seat = SeatState::new(false);
        let (mut guarded, mut client, _) = guarded_of(seat.clone());
        client.write_all(REQUEST).await.unwrap();
        guarded.read_exact(&mut seen).await.unwrap();
        assert!(!seat.give_away(), "a request is under way");
    }
}
