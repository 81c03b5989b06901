//! Asking a running host, or reading its folders when none runs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{CommonArgs, secrets};
use crate::app::{Held, Host, HostLock};
use crate::model::SystemClock;

/// Who answers a command.
pub(super) enum Answerer {
    /// A running host, by its operator's listener.
    Running(Asking),
    /// This process, which holds the lock meanwhile.
    Here(Box<Host>),
}

/// How long a report may take.
const REPORT: Duration = Duration::from_secs(10);
/// How long a change may take. A step of a rotation waits for up to six turns at the writer, 6 s each at most.
const CHANGE: Duration = Duration::from_mins(1);

/// How long looking at packages may take: each that is new is compiled.
const LOOK: Duration = Duration::from_mins(10);

/// The running host can't do it as things stand; holds its sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Conflict(pub(super) String);

#[derive(Deserialize)]
struct Problem {
    title: String,
}

/// A running host.
pub(super) struct Asking {
    client: reqwest::Client,
    held: Held,
}

/// Finds the running host of a folder of state, or opens the folder.
pub(super) async fn answerer(args: &CommonArgs) -> anyhow::Result<Answerer> {
    let config = args.config()?;
    if let Some(held) = HostLock::holder(&config.data_dir)? {
        // The client wants a provider even where it speaks plain HTTP. It is refused if there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        #[expect(
            clippy::disallowed_methods,
            reason = "the command asks its own host, not Cloud"
        )]
        let client = reqwest::Client::builder().no_proxy().build()?;
        return Ok(Answerer::Running(Asking { client, held }));
    }
    crate::app::start_log("warn", false)?;
    let host = Host::open(config, &secrets()?, Arc::new(SystemClock::new())).await?;
    Ok(Answerer::Here(Box::new(host)))
}

impl Asking {
    /// Reads a report. None if the host says that there is no such thing.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Option<T>> {
        self.send(reqwest::Method::GET, path, REPORT).await
    }

    /// Asks for a change. None if the host says that there is no such thing.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Option<T>> {
        self.send(reqwest::Method::POST, path, CHANGE).await
    }

    /// As [`Asking::post`], for what may compile packages before it answers.
    pub(super) async fn post_and_wait<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> anyhow::Result<Option<T>> {
        self.send(reqwest::Method::POST, path, LOOK).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: reqwest::Method,
        path: &str,
        patience: Duration,
    ) -> anyhow::Result<Option<T>> {
        let address = self
            .held
            .address
            .context("a host is starting there; try again in a moment")?;
        let response = self
            .client
            .request(method, format!("http://{address}{path}"))
            .bearer_auth(&self.held.token)
            .timeout(patience)
            .send()
            .await
            .with_context(|| format!("asking the running host at {address}"))?;
        if response.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if response.status() == reqwest::StatusCode::CONFLICT {
            let problem: Problem = response
                .json()
                .await
                .context("reading the running host's refusal")?;
            return Err(Conflict(problem.title).into());
        }
        let response = response
            .error_for_status()
            .context("the running host refused")?;
        Ok(Some(
            response
                .json()
                .await
                .context("reading the running host's answer")?,
        ))
    }
}
