//! The four permissions of the app manifest.

use serde::{Deserialize, Serialize};

/// A permission that a user grants to an install.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Scope {
    /// Reading ledger data.
    #[serde(rename = "data:read")]
    DataRead,
    /// Changing ledger data.
    #[serde(rename = "data:write")]
    DataWrite,
    /// Reading alerts.
    #[serde(rename = "alerts:read")]
    AlertsRead,
    /// Raising and changing alerts.
    #[serde(rename = "alerts:write")]
    AlertsWrite,
}

impl Scope {
    /// All four, in the order of the form.
    pub(crate) const ALL: [Self; 4] = [
        Self::DataRead,
        Self::DataWrite,
        Self::AlertsRead,
        Self::AlertsWrite,
    ];

    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DataRead => "data:read",
            Self::DataWrite => "data:write",
            Self::AlertsRead => "alerts:read",
            Self::AlertsWrite => "alerts:write",
        }
    }

    /// The words beside the checkbox.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::DataRead => "View core data",
            Self::DataWrite => "Create and update ledger data",
            Self::AlertsRead => "View alerts and statuses",
            Self::AlertsWrite => "Create and update alerts",
        }
    }

    /// The scope with this name on the wire.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}
