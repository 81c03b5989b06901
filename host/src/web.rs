//! HTTP in: the public listener's routes, from Cloud's events to the pages that a person sees.
//!
//! One origin serves everything. Routes are listed in [`router()`], each handler reads as a list of steps, and what every
//! answer has in common (its headers, its request id, its line in the log, the shape of an error) is added in one
//! place, the `finish` layer, which nothing passes by. To add a route: name it in [`router()`], say in
//! `headers::Surface` what kind of answer its address gives, and let its extractor prove who is asking.
//!
//! Besides the addresses that users build on there are the host's own files under `/assets/`: `shell.css`, `enter.js`,
//! `shell.js`, `channel.js`, `request.js` and `mark.svg`.

mod answer;
mod assets;
mod callback;
mod client;
mod cookie;
mod enter;
mod error;
mod events;
mod extract;
mod headers;
mod in_flight;
mod launch;
mod page;
mod path;
mod portal;
mod rates;
mod refusal;
mod router;
mod session;
mod shell;
mod verifier;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::config::{RateSettings, SourcePolicy};
use crate::install::{Endpoints, Installs};
use crate::intake::Intake;
use crate::model::Clock;
use crate::runtime::Runtime;
use crate::secret::Signer;

#[cfg(feature = "dev")]
pub(crate) use path::Target;
#[cfg(feature = "dev")]
pub(crate) use portal::{MAX_BODY, METHODS};
pub use refusal::refuse;
pub use router::router;
pub use verifier::{EventVerifier, NotVerified, SignedAsCore, Unsigned};

/// What the operator decides about the public listener.
#[derive(Debug, Clone)]
pub struct WebSettings {
    /// How the world reaches the host: scheme, name and port, no path. Requests for another `Host` are answered 421.
    pub public_url: Url,
    /// The sources of `frame-ancestors` as they go into the header, `'self'` among them. None means that no page may
    /// be framed.
    pub frame_ancestors: Vec<String>,
    /// How long a session lasts; capped at 15 minutes when it is signed.
    pub session_ttl: Duration,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests at once of one client of those proxies.
    pub requests_per_client: usize,
    /// What is known of the addresses that Cloud calls from.
    pub sources: SourcePolicy,
    /// How often something may be asked.
    pub rates: RateSettings,
    /// Whether `/s/{sid}/events` tells open portals of new versions at once.
    pub development: bool,
}

/// The parts that the web floor is built from.
pub struct WebParts {
    /// What the operator decides.
    pub settings: WebSettings,
    /// The installs and their lifecycle.
    pub installs: Installs,
    /// The secrets in Cloud's addresses.
    pub endpoints: Endpoints,
    /// The work behind an answered event.
    pub intake: Intake,
    /// Signs launches and sessions.
    pub signer: Signer,
    /// Whether Cloud's calls are signed, and how.
    pub verifier: Arc<dyn EventVerifier>,
    /// The apps.
    pub runtime: Runtime,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Work that outlives its request is counted here: wait for it when draining.
    pub tasks: TaskTracker,
    /// Cancelled when the host begins to drain: long answers (the event stream) end then.
    pub stopping: CancellationToken,
}

/// The web floor, ready to route. Cheap to clone.
#[derive(Clone)]
pub struct Web(Arc<WebState>);

struct WebState {
    parts: WebParts,
    /// `public_url` as an origin, `https://apps.example.com`: no path, no slash at the end.
    origin: String,
    headers: headers::HeaderSets,
    rates: rates::Rates,
    sources: client::Sources,
    in_flight: in_flight::InFlight,
}

impl Web {
    /// Checks the settings and prepares the headers. Fails on a public address that is no plain http or https origin,
    /// and on frame ancestors that would break out of their header.
    pub fn new(parts: WebParts) -> anyhow::Result<Self> {
        let url = &parts.settings.public_url;
        ensure!(
            matches!(url.scheme(), "http" | "https"),
            "public_url must be http or https"
        );
        ensure!(
            url.host_str().is_some()
                && url.path() == "/"
                && url.query().is_none()
                && url.username().is_empty(),
            "public_url must be an origin: scheme, host and port, without a path"
        );
        let origin = url.origin().ascii_serialization();
        let headers = headers::HeaderSets::new(&origin, &parts.settings.frame_ancestors)
            .context("preparing the headers of every answer")?;
        Ok(Self(Arc::new(WebState {
            rates: rates::Rates::new(&parts.settings.rates),
            sources: client::Sources::new(parts.settings.sources.clone()),
            in_flight: in_flight::InFlight::new(parts.settings.requests_per_client),
            parts,
            origin,
            headers,
        })))
    }

    fn settings(&self) -> &WebSettings {
        &self.0.parts.settings
    }

    fn installs(&self) -> &Installs {
        &self.0.parts.installs
    }

    fn runtime(&self) -> &Runtime {
        &self.0.parts.runtime
    }

    fn rates(&self) -> &rates::Rates {
        &self.0.rates
    }

    fn signer(&self) -> &Signer {
        &self.0.parts.signer
    }

    fn now(&self) -> crate::model::UnixMillis {
        self.0.parts.clock.now()
    }

    /// The public origin as text: `https://apps.example.com`.
    fn origin(&self) -> &str {
        &self.0.origin
    }
}

#[cfg(test)]
mod tests;
