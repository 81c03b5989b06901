//! The wire to Cloud: the only code that opens a socket to it, and the only one that sees a plain API key.
//!
//! It adds the base address, the tenant's own `instance_id` and the bearer key; follows no redirect, uses no proxy of the
//! environment, takes no compressed body; caps time and size. What may be tried again is decided in `cloud::persist`.

use std::time::Duration;

use reqwest::{StatusCode, header};
use tokio::time::Instant;
use tracing::{debug, error};
use url::Url;

use super::breaker::{Breakers, Health};
use super::budget::Budgets;
use super::error::CloudError;
use super::outbound::Outbound;
use super::persist::{Bounds, Ended, Tried};
use super::reply::{NoReply, Reply, no_reply, retry_after};
use crate::install::{Installs, Tenant};
use crate::model::InstanceId;

/// Time to connect.
const CONNECT: Duration = Duration::from_secs(2);
/// Time without a byte.
const SILENCE: Duration = Duration::from_secs(5);
/// Time for one try as a whole.
const TOTAL: Duration = Duration::from_secs(8);

/// Where Cloud is and how it is spoken to.
#[derive(Debug, Clone)]
pub struct CloudSettings {
    /// The base address. Plain `http` on loopback only.
    pub api_url: Url,
    /// Whether alerts carry `instance_id` too.
    pub instance_id_on_alerts: bool,
    /// Whether guests may read tokenized fields in plain.
    pub allow_detokenize: bool,
}

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("making the HTTP client for Cloud")]
pub struct TransportError(#[source] reqwest::Error);

/// The wire to Cloud.
pub struct Transport {
    client: reqwest::Client,
    settings: CloudSettings,
    breakers: Breakers,
    budgets: Budgets,
}

impl Transport {
    /// A client for one Cloud.
    pub fn new(settings: CloudSettings) -> Result<Self, TransportError> {
        // A second provider is refused, and the first one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the client of Cloud's calls"
        )]
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            // The client would repeat what HTTP/2 calls unprocessed; what is tried again is decided in `persist` alone.
            .retry(reqwest::retry::never())
            .https_only(settings.api_url.scheme() == "https")
            .referer(false)
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .timeout(TOTAL)
            .user_agent(concat!("airlock/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(TransportError)?;
        Ok(Self {
            client,
            settings,
            breakers: Breakers::default(),
            budgets: Budgets::default(),
        })
    }

    /// How Cloud is spoken to.
    pub fn settings(&self) -> &CloudSettings {
        &self.settings
    }

    /// Sends a request for a tenant: tries, and tries again what may be tried again, until `deadline`.
    pub(super) async fn send(
        &self,
        installs: &Installs,
        tenant: &Tenant,
        request: &Outbound,
        max_bytes: usize,
        deadline: Instant,
    ) -> Ended {
        let bounds = Bounds {
            app: tenant.slug(),
            install: tenant.install_id(),
            deadline,
            idempotent: request.is_idempotent(),
            breakers: &self.breakers,
            budgets: &self.budgets,
        };
        bounds
            .run(|| self.attempt(installs, tenant, request, max_bytes, deadline))
            .await
    }

    /// One try, if the install still is what it was.
    async fn attempt(
        &self,
        installs: &Installs,
        tenant: &Tenant,
        request: &Outbound,
        max_bytes: usize,
        deadline: Instant,
    ) -> Tried {
        if let Err(reason) = installs.live().check_current(tenant) {
            return Tried::last(Err(reason.into()), Health::Unknown);
        }
        let begun = Instant::now();
        let exchange = self.exchange(installs, tenant, request, max_bytes);
        match tokio::time::timeout_at(deadline, exchange).await {
            Ok(Ok(reply)) => self.judge(installs, tenant, request, reply).await,
            Ok(Err(no_reply)) => no_reply.judge(tenant, request.writes()),
            Err(_) => {
                // A call that had hardly any time left says nothing about Cloud.
                let health = if begun.elapsed() >= CONNECT {
                    Health::Failed
                } else {
                    Health::Unknown
                };
                Tried::last(Err(cut(request.writes())), health)
            }
        }
    }

    /// One try: opens the key, sends, reads the reply within its cap, forgets the key.
    pub(super) async fn exchange(
        &self,
        installs: &Installs,
        tenant: &Tenant,
        request: &Outbound,
        max_bytes: usize,
    ) -> Result<Reply, NoReply> {
        let key = tenant
            .open_key(installs.keyring())
            .map_err(|_| NoReply::NoKey)?;
        let mut builder = self
            .client
            .request(
                request.method().clone(),
                address(&self.settings, tenant.instance_id(), request),
            )
            .header(header::AUTHORIZATION, key.bearer())
            .header(header::ACCEPT, "application/json");
        if let Some(body) = request.body() {
            builder = builder
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.to_owned());
        }
        let mut response = builder.send().await.map_err(|error| no_reply(&error))?;
        let status = response.status();
        let retry_after_seconds = retry_after(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| no_reply(&error))? {
            if body.len() + chunk.len() > max_bytes {
                return Err(NoReply::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        if key.is_echoed_in(&body) {
            return Err(NoReply::Echo);
        }
        Ok(Reply {
            status,
            retry_after_seconds,
            body,
        })
    }

    /// What a reply means for the call, for the install and for the breaker.
    async fn judge(
        &self,
        installs: &Installs,
        tenant: &Tenant,
        request: &Outbound,
        reply: Reply,
    ) -> Tried {
        debug!(app = %tenant.slug(), install.id = %tenant.install_id(), method = %request.method(),
            status = reply.status.as_u16(), "Cloud answered");
        if reply.status == StatusCode::UNAUTHORIZED {
            let error = refused_key(installs, tenant, &reply, request.writes()).await;
            return Tried::last(Err(error), Health::Answered);
        }
        // Whether the key was taken: a gateway in trouble, a limit or a redirect may answer before the key is looked at.
        if reply.status.is_success()
            || matches!(reply.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
        {
            installs.note_answered(tenant);
        }
        reply.judge(request.writes())
    }
}

/// The whole address: base, encoded segments, the guest's query, and the tenant's own instance last.
pub(super) fn address(settings: &CloudSettings, instance: &InstanceId, request: &Outbound) -> Url {
    let mut url = settings.api_url.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(request.path().segments());
    }
    let with_instance = !request.is_alerts() || settings.instance_id_on_alerts;
    if with_instance || !request.pairs().is_empty() {
        let mut query = url.query_pairs_mut();
        query.extend_pairs(request.pairs());
        if with_instance {
            query.append_pair("instance_id", instance.as_str());
        }
    }
    url
}

/// The call's time ended while Cloud was waited for.
fn cut(writes: bool) -> CloudError {
    if writes {
        CloudError::OutcomeUnknown("the call's time ended before Cloud answered".to_owned())
    } else {
        CloudError::LimitExceeded("the call's time is used up".to_owned())
    }
}

async fn refused_key(
    installs: &Installs,
    tenant: &Tenant,
    reply: &Reply,
    writes: bool,
) -> CloudError {
    match installs.note_refused_key(tenant).await {
        Ok(true) => CloudError::Revoked,
        Ok(false) => CloudError::from_status(401, None, &reply.body, writes),
        Err(error) => {
            error!(
                error = &error as &dyn std::error::Error,
                "A refused key could not be noted"
            );
            CloudError::from_status(401, None, &reply.body, writes)
        }
    }
}

#[cfg(test)]
mod tests;
