//! What lies outside the ledger and the moment: connected services and jobs.

use serde::Serialize;

use crate::Host;
use crate::error::{ConnectionError, JobError};
use crate::http::{Request, Response};

/// External services by the names of the manifest's `[connections]`. From [`Host::connections`].
#[derive(Debug)]
pub struct Connections<'host, H: ?Sized>(&'host H);

impl<'host, H: Host + ?Sized> Connections<'host, H> {
    pub(crate) fn new(host: &'host H) -> Self {
        Self(host)
    }

    /// Sends one request; the host adds address and credentials. Any status is an answer, also 4xx and 5xx.
    pub fn send(&self, name: &str, request: Request) -> Result<Response, ConnectionError> {
        self.0.connection_send(name, request)
    }

    /// Where that service may send messages for this install.
    pub fn callback_url(&self, name: &str) -> Result<String, ConnectionError> {
        self.0.connection_callback_url(name)
    }

    /// For a service with one fixed address: messages that carry this value belong to this install.
    pub fn expect(&self, name: &str, correlation: &str) -> Result<(), ConnectionError> {
        self.0.connection_expect(name, correlation)
    }
}

/// Work for later, by the names of the manifest's `[jobs]`. From [`Host::jobs`].
#[derive(Debug)]
pub struct Jobs<'host, H: ?Sized>(&'host H);

impl<'host, H: Host + ?Sized> Jobs<'host, H> {
    pub(crate) fn new(host: &'host H) -> Self {
        Self(host)
    }

    /// Runs `name` after a delay, with a payload as JSON. The same `key` replaces a run that has not started.
    pub fn schedule(
        &self,
        name: &str,
        key: &str,
        payload: &impl Serialize,
        delay_seconds: u32,
    ) -> Result<(), JobError> {
        let payload = serde_json::to_vec(payload)
            .map_err(|error| JobError::Other(format!("not writable as JSON: {error}")))?;
        self.0.job_schedule(name, key, &payload, delay_seconds)
    }

    /// Whether a run that had not started was there and is now gone.
    pub fn cancel(&self, name: &str, key: &str) -> Result<bool, JobError> {
        self.0.job_cancel(name, key)
    }
}
