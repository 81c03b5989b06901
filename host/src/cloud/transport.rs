//! The wire to Cloud: the only code that opens a socket to it, and the only one that sees a plain API key.
//!
//! It adds the base address, the tenant's own `instance_id` and the bearer key; follows no redirect, uses no proxy of the
//! environment, takes no compressed body; caps time and size. Reads are tried again, writes never.

use std::time::Duration;

use reqwest::{Method, StatusCode, header};
use tokio::time::Instant;
use tracing::{debug, error, warn};
use url::Url;

use super::error::{CloudError, Wait};
use super::path::CloudPath;
use crate::install::{Installs, Tenant};

/// Time to connect.
const CONNECT: Duration = Duration::from_secs(2);
/// Time without a byte.
const SILENCE: Duration = Duration::from_secs(5);
/// Time for one try as a whole.
const TOTAL: Duration = Duration::from_secs(8);
/// Tries of a read, the first one included.
const TRIES: u32 = 3;
/// Wait before the second try; twice as long before the third.
const BACKOFF: Duration = Duration::from_millis(100);

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

/// One request, without address, instance and key: those are the transport's.
#[derive(Debug)]
pub struct Outbound {
    method: Method,
    path: CloudPath,
    query: Vec<(String, String)>,
    body: Option<String>,
    writes: bool,
    alerts: bool,
}

impl Outbound {
    fn new(method: Method, path: CloudPath, body: Option<String>, writes: bool) -> Self {
        Self {
            method,
            path,
            query: Vec::new(),
            body,
            writes,
            alerts: false,
        }
    }

    pub(super) fn get(path: CloudPath) -> Self {
        Self::new(Method::GET, path, None, false)
    }

    pub(super) fn read_by_post(path: CloudPath, body: String) -> Self {
        Self::new(Method::POST, path, Some(body), false)
    }

    pub(super) fn post(path: CloudPath, body: String) -> Self {
        Self::new(Method::POST, path, Some(body), true)
    }

    pub(super) fn put(path: CloudPath, body: String) -> Self {
        Self::new(Method::PUT, path, Some(body), true)
    }

    pub(super) fn delete(path: CloudPath) -> Self {
        Self::new(Method::DELETE, path, None, true)
    }

    pub(super) fn query(mut self, pairs: Vec<(String, String)>) -> Self {
        self.query = pairs;
        self
    }

    /// Marks a call of the Alerts API, whose `instance_id` is the operator's choice.
    pub(super) fn alerts(mut self) -> Self {
        self.alerts = true;
        self
    }
}

/// What came back, whatever its status.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    retry_after_seconds: Option<u32>,
    body: Vec<u8>,
}

/// Why nothing came back.
pub(super) enum NoReply {
    /// Nothing was sent: no connection, or the key does not open.
    NotSent(String),
    /// It was sent; the answer did not come, or not whole.
    Lost(String),
    /// The answer is longer than allowed.
    TooLong,
    /// The answer holds the key itself.
    Echo,
}

/// The wire to Cloud.
pub struct Transport {
    client: reqwest::Client,
    settings: CloudSettings,
}

impl Transport {
    /// A client for one Cloud.
    pub fn new(settings: CloudSettings) -> Result<Self, TransportError> {
        // A second provider is refused, and the first one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .https_only(settings.api_url.scheme() == "https")
            .referer(false)
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .timeout(TOTAL)
            .user_agent(concat!("airlock/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(TransportError)?;
        Ok(Self { client, settings })
    }

    /// How Cloud is spoken to.
    pub fn settings(&self) -> &CloudSettings {
        &self.settings
    }

    /// Sends a request for a tenant and answers the JSON text of a 2xx.
    pub(super) async fn send(
        &self,
        installs: &Installs,
        tenant: &Tenant,
        request: Outbound,
        max_bytes: usize,
        deadline: Instant,
    ) -> Result<String, CloudError> {
        let tries = if request.writes { 1 } else { TRIES };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let result = tokio::time::timeout_at(
                deadline,
                self.exchange(installs, tenant, &request, max_bytes),
            )
            .await;
            let outcome = match result {
                Ok(exchanged) => self.judge(installs, tenant, &request, exchanged).await,
                Err(_) if request.writes => Err(CloudError::OutcomeUnknown(
                    "the call's time ended before Cloud answered".to_owned(),
                )),
                Err(_) => Err(CloudError::LimitExceeded(
                    "the call's time is used up".to_owned(),
                )),
            };
            let again = attempt < tries && matches!(outcome, Err(CloudError::Unavailable(_)));
            let wait = BACKOFF * attempt;
            if !again || Instant::now() + wait >= deadline {
                return outcome;
            }
            tokio::time::sleep(wait).await;
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
            .map_err(|_| NoReply::NotSent("the install's key does not open".to_owned()))?;
        let mut builder = self
            .client
            .request(request.method.clone(), self.address(tenant, request))
            .header(header::AUTHORIZATION, key.bearer())
            .header(header::ACCEPT, "application/json");
        if let Some(body) = &request.body {
            builder = builder
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let mut response = builder.send().await.map_err(|error| no_reply(&error))?;
        let status = response.status();
        let retry_after_seconds = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
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

    /// The whole address: base, encoded segments, the guest's query, and the tenant's own instance last.
    fn address(&self, tenant: &Tenant, request: &Outbound) -> Url {
        let mut url = self.settings.api_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(request.path.segments());
        }
        let with_instance = !request.alerts || self.settings.instance_id_on_alerts;
        if with_instance || !request.query.is_empty() {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(&request.query);
            if with_instance {
                query.append_pair("instance_id", tenant.instance_id().as_str());
            }
        }
        url
    }

    async fn judge(
        &self,
        installs: &Installs,
        tenant: &Tenant,
        request: &Outbound,
        exchanged: Result<Reply, NoReply>,
    ) -> Result<String, CloudError> {
        let reply = exchanged.map_err(|lost| lost.into_error(tenant, request.writes))?;
        debug!(app = %tenant.slug(), install.id = %tenant.install_id(), method = %request.method,
            status = reply.status.as_u16(), "Cloud answered");
        if reply.status == StatusCode::UNAUTHORIZED {
            return Err(refused_key(installs, tenant, &reply, request.writes).await);
        }
        installs.note_answered(tenant);
        if !reply.status.is_success() {
            let status = reply.status.as_u16();
            return Err(CloudError::from_status(
                status,
                reply.retry_after_seconds,
                &reply.body,
                request.writes,
            ));
        }
        json_text(reply.body).map_err(|message| {
            if request.writes {
                CloudError::OutcomeUnknown(message)
            } else {
                CloudError::Other(message)
            }
        })
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

/// The text of a reply, if it is JSON; an empty one is `null`.
fn json_text(body: Vec<u8>) -> Result<String, String> {
    if body.is_empty() {
        return Ok("null".to_owned());
    }
    let text = String::from_utf8(body)
        .map_err(|_| "Cloud answered with something that is no text".to_owned())?;
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err("Cloud answered with something that is no JSON".to_owned()),
    }
}

/// A connection that never stood sent nothing; anything later may have arrived. The error's own text may hold the
/// address, so only its kind is told.
fn no_reply(error: &reqwest::Error) -> NoReply {
    if error.is_connect() {
        NoReply::NotSent("no connection to Cloud".to_owned())
    } else if error.is_timeout() {
        NoReply::Lost("Cloud did not answer in time".to_owned())
    } else {
        NoReply::Lost("the connection to Cloud broke".to_owned())
    }
}

impl NoReply {
    fn into_error(self, tenant: &Tenant, writes: bool) -> CloudError {
        let unavailable = |message| {
            CloudError::Unavailable(Wait {
                message,
                retry_after_seconds: None,
            })
        };
        if matches!(self, Self::Echo) {
            warn!(app = %tenant.slug(), install.id = %tenant.install_id(), alarm = true,
                "Withheld a reply of Cloud that holds the install's key");
        }
        match self {
            Self::NotSent(message) => unavailable(message),
            // Whatever came back could not be read: the write may have happened.
            lost if writes => CloudError::OutcomeUnknown(lost.sentence()),
            Self::Lost(message) => unavailable(message),
            Self::TooLong => CloudError::LimitExceeded(self.sentence()),
            Self::Echo => CloudError::Other(self.sentence()),
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::NotSent(message) | Self::Lost(message) => message.clone(),
            Self::TooLong => "Cloud's answer is longer than allowed".to_owned(),
            Self::Echo => "Cloud's answer was withheld".to_owned(),
        }
    }
}
