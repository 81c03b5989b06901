//! The app's own record of an identity's reviews: one value per identity, changed by compare-and-set alone.

use airlock_guest::{Condition, Host, StoreError};
use serde::{Deserialize, Serialize};

/// How many decisions are kept; what is older is counted.
const HISTORY_LENGTH: usize = 50;

/// Bytes of a record at most. The host takes 64 KiB; the rest is room for the steps of an open decision.
const RECORD_SIZE: usize = 60_000;

/// What a reviewer may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Decision {
    Approved,
    Rejected,
    /// A person must look further: raises an alert.
    Review,
}

/// All that is known of an identity's reviews.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Case {
    /// The decision under way, or left behind by a call that did not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) open: Option<Intent>,
    /// Newest first.
    #[serde(default)]
    pub(crate) history: Vec<Closed>,
    /// Decisions that no longer fit.
    #[serde(default)]
    pub(crate) dropped: u64,
}

/// What a reviewer wants, written down before anything is done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// Names this decision, also in the metadata.
    pub(crate) case: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) at: u64,
    pub(crate) decision: Decision,
    pub(crate) reason: String,
    /// The user, where Cloud said who it is.
    #[serde(default)]
    pub(crate) by: Option<String>,
    pub(crate) step: Step,
}

/// How far an open decision has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Step {
    /// Written down; the metadata may or may not have been sent.
    Intent,
    /// The metadata is on the ledger.
    Metadata,
    /// The alert is being sent. Found later, nobody knows whether it was.
    Alert,
}

/// A decision that has been carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Closed {
    pub(crate) case: String,
    pub(crate) at: u64,
    pub(crate) decision: Decision,
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) by: Option<String>,
    pub(crate) alert: Alert,
}

/// What became of a decision's alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub(crate) enum Alert {
    /// None was due.
    None,
    /// Raised; Cloud may not have said its id.
    Raised { id: Option<String> },
    /// Sent, perhaps; it is never sent again.
    Unknown { why: String },
    /// Due, and certainly not raised.
    Skipped { why: String },
}

/// An identity's record as it was read or last written, ready for compare-and-set.
#[derive(Debug)]
pub(crate) struct CaseFile {
    key: String,
    /// The stored version, 0 where nothing is stored.
    version: u64,
    pub(crate) case: Case,
}

impl Decision {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "approved" => Some(Self::Approved),
            "rejected" => Some(Self::Rejected),
            "review" => Some(Self::Review),
            _ => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Review => "review",
        }
    }
}

impl Case {
    /// Ends the open decision, which becomes the newest of the history.
    pub(crate) fn close(&mut self, alert: Alert) {
        if let Some(intent) = self.open.take() {
            self.history.insert(
                0,
                Closed {
                    case: intent.case,
                    at: intent.at,
                    decision: intent.decision,
                    reason: intent.reason,
                    by: intent.by,
                    alert,
                },
            );
        }
    }

    /// The closed decision of this name.
    pub(crate) fn closed(&mut self, case: &str) -> Option<&mut Closed> {
        self.history.iter_mut().find(|closed| closed.case == case)
    }

    fn drop_oldest(&mut self) {
        if self.history.pop().is_some() {
            self.dropped += 1;
        }
    }
}

impl CaseFile {
    /// The record of an identity, empty where there is none.
    pub(crate) fn load(host: &impl Host, identity_id: &str) -> Result<Self, StoreError> {
        let key = format!("case/{identity_id}");
        let stored = host.store().get(&key)?;
        let (case, version) = stored.map_or_else(
            || (Case::default(), 0),
            |stored| (stored.value, stored.version),
        );
        Ok(Self { key, version, case })
    }

    /// Reads the record again.
    pub(crate) fn reload(&mut self, host: &impl Host) -> Result<(), StoreError> {
        let stored = host.store().get(&self.key)?;
        (self.case, self.version) = stored.map_or_else(
            || (Case::default(), 0),
            |stored| (stored.value, stored.version),
        );
        Ok(())
    }

    /// The version to give with a decision on what was seen here, 0 where nothing is stored.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Writes the record if nobody else has since it was read.
    pub(crate) fn save(&mut self, host: &impl Host) -> Result<(), StoreError> {
        while self.case.history.len() > HISTORY_LENGTH {
            self.case.drop_oldest();
        }
        while size(&self.case) > RECORD_SIZE && !self.case.history.is_empty() {
            self.case.drop_oldest();
        }
        self.version = host.store().set(&self.key, &self.case, self.unchanged())?;
        Ok(())
    }

    /// Takes the open decision back, as if it had never been, if nobody else has written since.
    pub(crate) fn withdraw(&mut self, host: &impl Host) -> Result<(), StoreError> {
        self.case.open = None;
        if self.case == Case::default() {
            host.store().delete(&self.key, self.unchanged())?;
            self.version = 0;
            return Ok(());
        }
        self.save(host)
    }

    fn unchanged(&self) -> Condition {
        match self.version {
            0 => Condition::Absent,
            version => Condition::Version(version),
        }
    }
}

fn size(case: &Case) -> usize {
    serde_json::to_vec(case).map_or(usize::MAX, |bytes| bytes.len())
}
