//! What an app is: one trait with defaults, and the macro that makes a component of it.

use crate::Host;
use crate::http::{Request, Response};

/// A Custom App. Only [`handle`](App::handle) must be written.
///
/// Each call may run in a fresh instance: nothing is kept between calls but what the app puts into its store.
pub trait App {
    /// Answers one request of the portal page. The host has already checked session, install and origin.
    fn handle(host: &impl Host, session: &Session, request: &Request) -> Response;

    /// The install's key works. A failure is retried and never fails the install.
    fn installed(host: &impl Host, delivery: &Delivery) -> Result<(), Failure> {
        let _ = (host, delivery);
        Ok(())
    }

    /// The install has ended: the store works, every Cloud call answers `Revoked`.
    fn uninstalled(host: &impl Host, delivery: &Delivery) -> Result<(), Failure> {
        let _ = (host, delivery);
        Ok(())
    }

    /// A job that was scheduled, or is due by the manifest; then the payload is empty.
    fn run(
        host: &impl Host,
        delivery: &Delivery,
        name: &str,
        payload: &[u8],
    ) -> Result<(), Failure> {
        let _ = (host, delivery, name, payload);
        Ok(())
    }

    /// A message from a connected service, its signature already checked by the host.
    fn webhook(
        host: &impl Host,
        delivery: &Delivery,
        connection: &str,
        payload: &[u8],
    ) -> Result<(), Failure> {
        let _ = (host, delivery, connection, payload);
        Ok(())
    }
}

/// The open portal that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names the session in logs; opens nothing.
    pub id: String,
    /// Who launched the app. Cloud does not always say.
    pub user_id: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub expires_at: u64,
}

/// Which call without a person at the other end this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The same id may come again: once is all that counts.
    pub id: String,
    /// From 1.
    pub attempt: u32,
}

/// What the host is to do about a failure. Both texts are for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Deliver it again later.
    Retry(String),
    /// Do not deliver it again.
    GiveUp(String),
}

/// Makes a component of an [`App`]: `airlock_guest::export!(MyApp);`, once in the crate.
///
/// Outside WebAssembly it does nothing, so that the crate's tests run natively.
#[macro_export]
macro_rules! export {
    ($app:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Exported = $crate::component::Exported<$app>;
    $crate::bindings::export_component!(Exported with_types_in $crate::bindings);
        };
    };
}
