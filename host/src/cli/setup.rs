//! What every command needs around it: a runtime, and a way to be told to stop.

use std::future::Future;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::secrets;
use crate::app::KeyReload;
use crate::runtime::before_front_door_sleeps;

/// Runs a command to its end.
pub(super) fn block_on(command: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(front_threads())
        .on_thread_park(before_front_door_sleeps)
        .enable_all()
        .build()
        .context("starting the asynchronous runtime")?;
    let result = runtime.block_on(command);
    // Blocking work such as a compilation can't be called back; the process ends without it.
    runtime.shutdown_background();
    result
}

/// Threads of the front door: half as many as there are cores, at least one. Guests have threads of their own; with more
/// here, those that have nothing to do wake each other up and take the cores from those that have.
fn front_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).max(1)
}

/// A token that the first Ctrl-C or SIGTERM cancels; a second one ends the process at once.
pub(super) fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stopping = CancellationToken::new();
    let token = stopping.clone();
    let mut signals = Signals::listen()?;
    tokio::spawn(async move {
        signals.next().await;
        info!("Stopping: calls in flight may end. Once more stops at once");
        token.cancel();
        signals.next().await;
        std::process::exit(130);
    });
    Ok(stopping)
}

/// Reads the keys again whenever SIGHUP comes. What can't be used is told in the log, and the old keys stay.
#[cfg(unix)]
pub(super) fn reload_on_signal(keys: KeyReload) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangups = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            let read = match secrets() {
                Ok(secrets) => keys.reload(&secrets).await,
                Err(error) => Err(error),
            };
            if let Err(error) = read {
                error!(
                    error = format_args!("{error:#}"),
                    "The keys were not exchanged: the old ones stay in use"
                );
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn reload_on_signal(_: KeyReload) -> anyhow::Result<()> {
    Ok(())
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("listening for Ctrl-C")?,
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
