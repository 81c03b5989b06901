//! Alerts ("anomalies" on the wire) and their custom statuses: Cloud's own store.

use jiff::Timestamp;
use jiff::tz::offset;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::{Ids, ORGANIZATION_ID};

/// The colors that a status may have.
pub(crate) const ALLOWED_COLOURS: [&str; 15] = [
    "#3B82F6", "#10B981", "#F59E0B", "#EF4444", "#8B5CF6", "#EC4899", "#06B6D4", "#84CC16",
    "#F97316", "#6366F1", "#14B8A6", "#A855F7", "#E11D48", "#64748B", "#0EA5E9",
];

/// The statuses that the dashboard knows without anyone making them.
const BUILT_IN: [&str; 3] = ["FLAGGED", "INVESTIGATING", "RESOLVED"];

/// One alert.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Alert {
    pub(crate) anomaly_id: String,
    pub(crate) title: String,
    pub(crate) description: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) assigned_to: Option<String>,
    pub(crate) escalated_to: Option<Vec<String>>,
    pub(crate) status: String,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) affected_balances: Vec<String>,
    pub(crate) affected_identities: Vec<String>,
    pub(crate) affected_transactions: Vec<String>,
}

impl Alert {
    /// The alert as it goes over the wire.
    pub(crate) fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// A status that the organization made.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AlertStatus {
    pub(crate) organization_id: String,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) colour: String,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
}

/// Every alert and custom status of the organization.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct AlertBook {
    alerts: Vec<Alert>,
    statuses: Vec<AlertStatus>,
}

/// What an alert can be raised on.
#[derive(Clone, Copy)]
pub(crate) enum Subject {
    Balance,
    Identity,
    Transaction,
}

impl Subject {
    /// The kind of thing that an identifier names. One old page writes balances as `bal_`.
    pub(crate) fn of_id(id: &str) -> Option<Self> {
        match id.split_once('_')?.0 {
            "bln" | "bal" => Some(Self::Balance),
            "idt" => Some(Self::Identity),
            "txn" => Some(Self::Transaction),
            _ => None,
        }
    }
}

impl AlertBook {
    /// Raises an alert and answers it. Several on one thing are allowed.
    pub(crate) fn raise(
        &mut self,
        ids: &mut Ids,
        now: Timestamp,
        subject: Subject,
        entity_id: &str,
        (title, description): (String, String),
    ) -> Alert {
        let mut alert = Alert {
            anomaly_id: ids.next("ano_"),
            title,
            description,
            kind: String::new(),
            assigned_to: None,
            escalated_to: None,
            status: "FLAGGED".to_owned(),
            created_at: wire_time(now),
            updated_at: wire_time(now),
            affected_balances: Vec::new(),
            affected_identities: Vec::new(),
            affected_transactions: Vec::new(),
        };
        let (kind, affected) = match subject {
            Subject::Balance => ("Balance", &mut alert.affected_balances),
            Subject::Identity => ("Identity", &mut alert.affected_identities),
            Subject::Transaction => ("Transaction", &mut alert.affected_transactions),
        };
        affected.push(entity_id.to_owned());
        kind.clone_into(&mut alert.kind);
        self.alerts.push(alert.clone());
        alert
    }

    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().rev()
    }

    pub(crate) fn find(&self, anomaly_id: &str) -> Option<&Alert> {
        self.alerts
            .iter()
            .find(|alert| alert.anomaly_id == anomaly_id)
    }

    pub(crate) fn find_mut(&mut self, anomaly_id: &str) -> Option<&mut Alert> {
        self.alerts
            .iter_mut()
            .find(|alert| alert.anomaly_id == anomaly_id)
    }

    pub(crate) fn statuses(&self) -> &[AlertStatus] {
        &self.statuses
    }

    /// The stored spelling of a status key, whatever its case: built in or made.
    pub(crate) fn status_key(&self, key: &str) -> Option<String> {
        let made = self.statuses.iter().map(|status| status.key.as_str());
        made.chain(BUILT_IN)
            .find(|known| known.eq_ignore_ascii_case(key))
            .map(str::to_owned)
    }

    pub(crate) fn status_mut(&mut self, key: &str) -> Option<&mut AlertStatus> {
        self.statuses
            .iter_mut()
            .find(|status| status.key.eq_ignore_ascii_case(key))
    }

    /// How many alerts have this status.
    pub(crate) fn in_status(&self, key: &str) -> usize {
        self.alerts
            .iter()
            .filter(|alert| alert.status.eq_ignore_ascii_case(key))
            .count()
    }

    /// Makes a status and answers it.
    pub(crate) fn add_status(
        &mut self,
        now: Timestamp,
        key: String,
        name: String,
        colour: String,
    ) -> AlertStatus {
        let status = AlertStatus {
            organization_id: ORGANIZATION_ID.to_owned(),
            key,
            name,
            colour,
            created_at: now.to_string(),
            updated_at: now.to_string(),
        };
        self.statuses.push(status.clone());
        status
    }

    /// Removes a made status. Answers whether there was one.
    pub(crate) fn remove_status(&mut self, key: &str) -> bool {
        let before = self.statuses.len();
        self.statuses
            .retain(|status| !status.key.eq_ignore_ascii_case(key));
        self.statuses.len() < before
    }
}

impl AlertStatus {
    /// The status as it goes over the wire.
    pub(crate) fn to_json(&self) -> Value {
        json!(self)
    }
}

/// Alerts carry their times with an offset that is not zero, unlike everything else.
pub(crate) fn wire_time(now: Timestamp) -> String {
    now.display_with_offset(offset(1)).to_string()
}
