//! What a caller hands in to register an app, and what it gets back.

use std::fmt;

use crate::state::InstallStatus;

/// An app as its developer fills in the form.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    /// The app's own short name; registering it again updates the app.
    pub slug: String,
    /// The display name.
    pub name: String,
    /// What the app does.
    pub description: String,
    /// Who made it.
    pub developer: String,
    /// Its version, for show.
    pub version: String,
    /// Where install and uninstall events go.
    pub callback_url: String,
    /// Where launches are asked for.
    pub portal_generator_url: String,
    /// Each scope with the sentence that tells the user why. Unknown scopes are left out.
    pub permissions: Vec<(String, String)>,
}

/// An app after registration.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The app's identifier: always the same for the same slug.
    pub app_id: String,
    /// Whether both addresses answered the probe (or were not probed).
    pub ok: bool,
    /// What was wrong with the addresses.
    pub message: Option<String>,
}

/// An install that the app accepted.
#[derive(Clone)]
pub struct Installed {
    /// The install's identifier.
    pub installed_app_id: String,
    /// The app.
    pub app_id: String,
    /// The instance.
    pub instance_id: String,
    /// The key that the app was given.
    pub api_key: String,
    /// The part of the key that may be shown.
    pub api_key_prefix: String,
    /// What the user granted.
    pub granted: Vec<String>,
}

/// A key that works without any app.
#[derive(Clone)]
pub struct IssuedKey {
    /// The key.
    pub api_key: String,
    /// The part of the key that may be shown.
    pub api_key_prefix: String,
    /// The instance that it is bound to.
    pub instance_id: String,
}

impl fmt::Debug for Installed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Installed")
            .field("installed_app_id", &self.installed_app_id)
            .field("app_id", &self.app_id)
            .field("instance_id", &self.instance_id)
            .field("api_key_prefix", &self.api_key_prefix)
            .field("granted", &self.granted)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for IssuedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("IssuedKey")
            .field("api_key_prefix", &self.api_key_prefix)
            .field("instance_id", &self.instance_id)
            .finish_non_exhaustive()
    }
}

/// Why an event did not succeed. Each is a sentence for the person at the dashboard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// No such app.
    #[error("There is no such app in this workspace.")]
    UnknownApp,
    /// No such install.
    #[error("There is no such install.")]
    UnknownInstall,
    /// No such instance.
    #[error("There is no such instance in this organization.")]
    UnknownInstance,
    /// A scope that does not exist or that the app does not ask for.
    #[error("The app does not ask for the permission \"{0}\".")]
    NotRequested(String),
    /// The app is installed on this instance, or being installed.
    #[error("The app is already {} on this instance.", status.word())]
    AlreadyInstalled {
        /// Where that install stands.
        status: InstallState,
    },
    /// The install is not active.
    #[error("This install is {}, not active.", status.word())]
    NotActive {
        /// Where the install stands.
        status: InstallState,
    },
    /// The app answered with something other than success.
    #[error("The app answered {status}{}.", said(reason.as_deref()))]
    Refused {
        /// The answer's status.
        status: u16,
        /// What the app said, shortened.
        reason: Option<String>,
    },
    /// The app did not answer in time.
    #[error("The app did not answer within {0} seconds.")]
    TimedOut(u64),
    /// The app could not be reached.
    #[error("The app could not be reached: {0}.")]
    Unreachable(String),
    /// The answer to a launch makes no sense.
    #[error("The app's answer to the launch cannot be used: {0}.")]
    BadAnswer(String),
}

/// Where an install stands, for errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstallState(pub(crate) InstallStatus);

impl InstallState {
    /// `pending`, `active`, `cancelled` or `uninstalled`.
    pub fn word(self) -> &'static str {
        self.0.word()
    }
}

fn said(reason: Option<&str>) -> String {
    reason
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default()
}
