//! In development: tells an open portal at once which version of its app is live.
//!
//! Server-sent events: `digest` with the version, first on connecting and then at each change; `end` when the session is
//! over. A portal in production learns the same from the answers of its API.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use tokio::sync::watch;

use super::Web;
use super::error::WebError;
use super::extract::{Portal, SameOrigin, install_of};

/// How often it is looked whether the session has ended. A new version is told at once.
const PAUSE: Duration = Duration::from_millis(250);
const PING: Duration = Duration::from_secs(15);

/// What one portal has been told.
struct Watch {
    web: Web,
    portal: Portal,
    changes: watch::Receiver<()>,
    told: Option<String>,
    ended: bool,
}

/// Streams the live version. Not served outside of development.
pub(super) async fn stream(
    State(web): State<Web>,
    _proof: SameOrigin,
    portal: Portal,
) -> Result<Response, WebError> {
    if !web.settings().development {
        return Err(WebError::NotFound);
    }
    let watch = Watch {
        changes: web.runtime().registry().changes(),
        web,
        portal,
        told: None,
        ended: false,
    };
    let events = unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok::<_, Infallible>(event), watch))
    });
    Ok(Sse::new(events)
        .keep_alive(KeepAlive::new().interval(PING))
        .into_response())
}

impl Watch {
    /// The next event; none once the session has ended or the host is stopping.
    async fn next(&mut self) -> Option<Event> {
        while !self.ended {
            if !self.is_live() {
                self.ended = true;
                return Some(Event::default().event("end").data("over"));
            }
            let digest = self.digest();
            if digest.is_some() && digest != self.told {
                self.told.clone_from(&digest);
                return Some(
                    Event::default()
                        .event("digest")
                        .data(digest.unwrap_or_default()),
                );
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                Ok(()) = self.changes.changed() => {}
                () = self.web.0.parts.stopping.cancelled() => return None,
            }
        }
        None
    }

    fn is_live(&self) -> bool {
        let session = self.portal.session();
        // While nobody knows whether the install has ended, the page is told nothing, and stays.
        let install = install_of(&self.web, session);
        session.expires() > self.web.now()
            && matches!(install, Ok(_) | Err(WebError::Unavailable(_)))
    }

    /// The version that serves, if one does.
    fn digest(&self) -> Option<String> {
        let registry = self.web.runtime().registry();
        let app = registry.find(self.portal.install().slug())?;
        let page = app.page()?;
        page.is_needed_until(self.portal.session().expires());
        Some(page.digest().to_owned())
    }
}
