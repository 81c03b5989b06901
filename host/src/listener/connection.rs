//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::debug;

use super::stream::{Exchange, Guarded, RefusalBytes};
use super::waiting::SeatState;
use super::{Peer, Refuse};

/// Most that hyper reads ahead, in bytes: more than a head may have.
const BUFFER: usize = 64 * 1024;
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// What all connections of a listener share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) refusal: RefusalBytes,
    pub(super) stopping: CancellationToken,
    pub(super) grace: std::time::Duration,
}

/// Serves a connection until either side ends it.
pub(super) async fn serve(stream: TcpStream, peer: Peer, seat: SeatState, shared: Shared) {
    // An answer is written at once, so there is nothing to wait for.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(
            error = &error as &dyn std::error::Error,
            "A connection broke at once"
        );
        return;
    }
    let exchange = Arc::new(Exchange::default());
    let io = Guarded::new(
        stream,
        exchange.clone(),
        shared.refusal,
        seat,
        shared.stopping.clone(),
        shared.grace,
    );
    let (router, stopping) = (shared.router, shared.stopping);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let answer = router.clone().oneshot(request);
        let (exchange, stopping) = (exchange.clone(), stopping.clone());
        async move {
            let mut response = answer.await?;
            if exchange.is_last() || stopping.is_cancelled() {
                response.headers_mut().insert(CONNECTION, CLOSE);
            }
            Ok::<_, Infallible>(response.map(|body| Watched { body, exchange }))
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        // The guard has a deadline for heads, and one that knows idle connections.
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(io), service)
        .await;
    if let Err(error) = served {
        debug!(
            error = &error as &dyn std::error::Error,
            client = %peer.0,
            "A connection ended before its time"
        );
    }
}

/// The bytes of an answer that closes the connection.
pub(super) fn refusal_bytes(refuse: Refuse) -> RefusalBytes {
    Arc::new(move |error| {
        let response = refuse(error);
        let status = response.status();
        let reason = status.canonical_reason().unwrap_or_default();
        let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
        for (name, value) in response.headers() {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                bytes.extend_from_slice(part);
            }
        }
        let end = format!(
            "content-length: {}\r\nconnection: close\r\n\r\n",
            response.body().len()
        );
        bytes.extend_from_slice(end.as_bytes());
        bytes.extend_from_slice(response.body());
        bytes
    })
}

/// The body of an answer, which tells the guard when all of it is in hyper's hands.
struct Watched {
    body: Body,
    exchange: Arc<Exchange>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.exchange.finish();
    }
}
