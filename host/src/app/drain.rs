//! Serving a router until told to stop, and then for as long as calls in flight need, up to a limit.

use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Serves until `stopping` is cancelled; calls in flight then have `patience` to end.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    stopping: CancellationToken,
    patience: Duration,
) -> anyhow::Result<()> {
    let stop = stopping.clone();
    let server =
        axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
    let late = async {
        stopping.cancelled().await;
        tokio::time::sleep(patience).await;
    };
    tokio::select! {
        result = server => result.context("serving"),
        () = late => {
            warn!("Some calls did not end within {} s and were cut", patience.as_secs());
            Ok(())
        }
    }
}
