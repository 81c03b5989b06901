//! Everything that the simulated Cloud knows: apps, installs, keys, ledgers and alerts.

mod alerts;
mod file;
mod keys;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use alerts::{ALLOWED_COLOURS, Alert, AlertBook, Subject, wire_time};
pub(crate) use file::{load, save};
pub(crate) use keys::{Key, KeyStatus, Keys};

use crate::ids;
use crate::ledger::Ledger;
use crate::scope::Scope;
use crate::seed;

/// An app of the workspace.
#[expect(
    clippy::struct_field_names,
    reason = "`app_id` is the name on the wire"
)]
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct App {
    pub(crate) app_id: String,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) developer: String,
    pub(crate) version: String,
    pub(crate) callback_url: String,
    pub(crate) portal_generator_url: String,
    /// Scope and the sentence that tells the user why.
    pub(crate) permissions: Vec<(Scope, String)>,
    /// Why the probe of the addresses failed, if it did.
    pub(crate) registration_problem: Option<String>,
    pub(crate) last_error: Option<String>,
}

/// Where an install stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum InstallStatus {
    /// The event was sent, the app has not answered.
    Pending,
    Active,
    /// The app did not answer the install event with success.
    Cancelled,
    Uninstalled,
}

impl InstallStatus {
    /// The status in words for a sentence.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Cancelled => "cancelled",
            Self::Uninstalled => "uninstalled",
        }
    }
}

/// One install of an app on an instance.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Install {
    pub(crate) installed_app_id: String,
    pub(crate) app_id: String,
    pub(crate) instance_id: String,
    pub(crate) status: InstallStatus,
    pub(crate) granted: Vec<Scope>,
    pub(crate) installed_at: Timestamp,
    pub(crate) api_key_prefix: String,
}

/// One Core instance of the organization.
#[expect(
    clippy::struct_field_names,
    reason = "`instance_id` is the name on the wire"
)]
#[derive(Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(crate) instance_id: String,
    pub(crate) name: String,
    pub(crate) ledger: Ledger,
}

/// All state. One lock guards it, and nothing waits while holding it.
#[derive(Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) apps: Vec<App>,
    pub(crate) installs: Vec<Install>,
    pub(crate) keys: Keys,
    pub(crate) instances: Vec<Instance>,
    pub(crate) alerts: AlertBook,
}

impl State {
    /// A workspace with nothing in it.
    pub(crate) fn empty() -> Self {
        Self {
            apps: Vec::new(),
            installs: Vec::new(),
            keys: Keys::default(),
            instances: Vec::new(),
            alerts: AlertBook::default(),
        }
    }

    /// Seeds the instances that are missing, and cancels installs that were on their way when the
    /// simulation last stopped.
    pub(crate) fn begin(&mut self, extra_instances: u8) {
        let is_fresh = self.instances.is_empty();
        for number in self.instances.len()..=usize::from(extra_instances) {
            self.instances.push(Instance {
                instance_id: ids::instance(number),
                name: if number == 0 {
                    "Sandbox".to_owned()
                } else {
                    format!("Sandbox {}", number + 1)
                },
                ledger: seed::ledger(number),
            });
        }
        if is_fresh {
            self.alerts = seed::alerts(self.main_ledger());
        }
        for install in self
            .installs
            .iter_mut()
            .filter(|install| install.status == InstallStatus::Pending)
        {
            install.status = InstallStatus::Cancelled;
            self.keys.revoke_install(&install.installed_app_id);
        }
    }

    /// Seeds ledgers and alerts again; apps, installs and keys stay.
    pub(crate) fn reset(&mut self) {
        for (number, instance) in self.instances.iter_mut().enumerate() {
            instance.ledger = seed::ledger(number);
        }
        self.alerts = seed::alerts(self.main_ledger());
    }

    /// The ledger of the first instance, which the dashboard shows.
    pub(crate) fn main_ledger(&self) -> Option<&Ledger> {
        self.instances.first().map(|instance| &instance.ledger)
    }

    pub(crate) fn ledger_mut(&mut self, instance_id: &str) -> Option<&mut Ledger> {
        let mut instances = self.instances.iter_mut();
        instances
            .find(|instance| instance.instance_id == instance_id)
            .map(|instance| &mut instance.ledger)
    }

    pub(crate) fn app(&self, app_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.app_id == app_id)
    }

    pub(crate) fn app_mut(&mut self, app_id: &str) -> Option<&mut App> {
        self.apps.iter_mut().find(|app| app.app_id == app_id)
    }

    pub(crate) fn install(&self, installed_app_id: &str) -> Option<&Install> {
        self.installs
            .iter()
            .find(|install| install.installed_app_id == installed_app_id)
    }

    pub(crate) fn install_mut(&mut self, installed_app_id: &str) -> Option<&mut Install> {
        self.installs
            .iter_mut()
            .find(|install| install.installed_app_id == installed_app_id)
    }

    /// The newest install of an app on an instance.
    pub(crate) fn newest_install(&self, app_id: &str, instance_id: &str) -> Option<&Install> {
        let mut newest_first = self.installs.iter().rev();
        newest_first.find(|install| install.app_id == app_id && install.instance_id == instance_id)
    }
}
