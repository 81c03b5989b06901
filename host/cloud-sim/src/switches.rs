//! Behavior that can be changed while the simulated Cloud runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the simulated Cloud does beyond (or against) its normal behavior.
///
/// Booleans and numbers can be changed from the dashboard; the last two fields are for tests only
/// and never leave the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent switch on a control panel, not a state machine"
)]
pub struct Switches {
    /// Adds `organization_id` to events, and `user_id` to launches, as the contract once did.
    pub legacy_fields: bool,
    /// Also sends the idempotency key as an `Idempotency-Key` request header.
    pub idempotency_header: bool,
    /// Sends the idempotency key in the body. Off, only the header (when switched on) carries it.
    pub idempotency_body: bool,
    /// Delivers every install and uninstall event twice, one after the other.
    pub duplicate_delivery: bool,
    /// With `duplicate_delivery`: both copies at the same moment.
    pub duplicate_at_once: bool,
    /// Sends an event again (three attempts in all) when the app does not answer with success.
    pub retry_on_failure: bool,
    /// Pause before each further attempt, in milliseconds.
    pub retry_delay_ms: u64,
    /// Takes the app's answer in small bites with pauses between them.
    pub slow_reader: bool,
    /// Sends event bodies in small pieces with pauses between them.
    pub slow_sender: bool,
    /// The pause of the two slow switches, in milliseconds.
    pub slow_pause_ms: u64,
    /// Makes a new key work before the app has answered the install event.
    pub key_live_before_answer: bool,
    /// Gives a reinstall the identifier of the install before it, so the idempotency key repeats
    /// while the API key is new.
    pub reuse_installed_app_id: bool,
    /// Probes both addresses of an app with GET when it is registered.
    pub probe_at_registration: bool,
    /// Fetches the page of a launch in the background and checks that the dashboard may frame it.
    pub check_portal_page: bool,
    /// Cuts every Cloud API connection without an answer.
    pub outage: bool,
    /// Answers Cloud API calls with this status instead of handling them; 0 is off.
    pub inject_status: u16,
    /// How many calls `inject_status` hits before it turns itself off; 0 is no limit.
    pub inject_times: u32,
    /// Restricts `inject_status` to requests that change something.
    pub inject_writes_only: bool,
    /// Seconds in the `Retry-After` header of injected 429 and 503 answers; 0 sends none.
    pub retry_after_seconds: u32,
    /// Waits this long before handling a Cloud API call, in milliseconds.
    pub latency_ms: u64,
    /// Queues posted transactions and applies them later, as Core does by default.
    pub asynchronous_transactions: bool,
    /// How long a queued transaction waits, in milliseconds.
    pub queue_delay_ms: u64,
    /// Leaves zero numbers out of `/data/balances` and `/balances/filter`.
    pub omit_zero_numbers: bool,
    /// Whether Core's tokenization of personal fields is available.
    pub tokenization_enabled: bool,
    /// Adds `error_detail` to Core errors; older Cores have none.
    pub core_error_detail: bool,
    /// Answers single-record reads of the Data API with 500 while lists work.
    pub data_detail_fails: bool,
    /// Lists alerts as a bare array instead of an envelope; the shape is not documented.
    pub alerts_as_bare_array: bool,
    /// Requires `instance_id` on alert calls too.
    pub alerts_require_instance: bool,
    /// Restricts `inject_status` to paths that contain this text.
    #[serde(skip)]
    pub inject_matching: Option<String>,
    /// Interferes with the answer to one write after it was applied.
    #[serde(skip)]
    pub write_gate: Option<WriteGate>,
}

/// Lets the n-th matching write be applied and then interferes with its answer, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteGate {
    /// Text that the path must contain, such as `metadata` or `/alerts/flag`.
    pub matching: String,
    /// Which matching write is meant; 1 is the next one.
    pub nth: u32,
    /// What happens to its answer.
    pub action: GateAction,
}

/// What a [`WriteGate`] does with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateAction {
    /// Keeps it until [`crate::CloudSim::release_held`] is called or the caller goes away.
    Hold,
    /// Cuts the connection instead.
    DropConnection,
    /// Answers with this status instead.
    Answer(u16),
}

impl WriteGate {
    /// Holds the answer to the next write whose path contains `matching`.
    pub fn hold(matching: impl Into<String>) -> Self {
        Self {
            matching: matching.into(),
            nth: 1,
            action: GateAction::Hold,
        }
    }

    /// Cuts the connection after the next write whose path contains `matching`.
    pub fn drop_connection(matching: impl Into<String>) -> Self {
        Self {
            matching: matching.into(),
            nth: 1,
            action: GateAction::DropConnection,
        }
    }

    /// Answers the next write whose path contains `matching` with `status`, although it was applied.
    pub fn answer(matching: impl Into<String>, status: u16) -> Self {
        Self {
            matching: matching.into(),
            nth: 1,
            action: GateAction::Answer(status),
        }
    }

    /// Means the n-th matching write instead of the next one.
    #[must_use]
    pub fn nth(mut self, nth: u32) -> Self {
        self.nth = nth;
        self
    }
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            legacy_fields: false,
            idempotency_header: false,
            idempotency_body: true,
            duplicate_delivery: false,
            duplicate_at_once: false,
            retry_on_failure: false,
            retry_delay_ms: 200,
            slow_reader: false,
            slow_sender: false,
            slow_pause_ms: 200,
            key_live_before_answer: false,
            reuse_installed_app_id: false,
            probe_at_registration: true,
            check_portal_page: true,
            outage: false,
            inject_status: 0,
            inject_times: 0,
            inject_writes_only: false,
            retry_after_seconds: 1,
            latency_ms: 0,
            asynchronous_transactions: true,
            queue_delay_ms: 500,
            omit_zero_numbers: true,
            tokenization_enabled: true,
            core_error_detail: true,
            data_detail_fails: false,
            alerts_as_bare_array: false,
            alerts_require_instance: false,
            inject_matching: None,
            write_gate: None,
        }
    }
}

/// A change of switches that cannot be made; the text is for the person who asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SwitchError {
    #[error("There is no switch named \"{0}\".")]
    Unknown(String),
    #[error("A switch has a value of the wrong kind: {0}.")]
    Value(serde_json::Error),
    #[error("\"{0}\" is not an HTTP status that can be injected; use 400 to 599, or 0 for none.")]
    Status(u16),
}

impl Switches {
    /// The same switches with the given ones changed. Takes a partial JSON object.
    pub(crate) fn changed_by(
        &self,
        changes: &serde_json::Map<String, Value>,
    ) -> Result<Self, SwitchError> {
        let mut json = serde_json::to_value(self).map_err(SwitchError::Value)?;
        for (name, value) in changes {
            let slot = json
                .get_mut(name)
                .ok_or_else(|| SwitchError::Unknown(name.clone()))?;
            *slot = value.clone();
        }
        let mut after: Self = serde_json::from_value(json).map_err(SwitchError::Value)?;
        if after.inject_status != 0 && !(400..600).contains(&after.inject_status) {
            return Err(SwitchError::Status(after.inject_status));
        }
        after.inject_matching.clone_from(&self.inject_matching);
        after.write_gate.clone_from(&self.write_gate);
        Ok(after)
    }

    /// The status to answer this call with instead of handling it. Counts `inject_times` down.
    pub(crate) fn take_injection(&mut self, is_write: bool, path: &str) -> Option<u16> {
        let wanted = self
            .inject_matching
            .as_deref()
            .is_none_or(|text| path.contains(text));
        if self.inject_status == 0 || !wanted || (self.inject_writes_only && !is_write) {
            return None;
        }
        let status = self.inject_status;
        match self.inject_times {
            0 => {}
            1 => {
                self.inject_times = 0;
                self.inject_status = 0;
            }
            left => self.inject_times = left - 1,
        }
        Some(status)
    }

    /// What to do with the answer to this applied write. A gate opens once and is then gone.
    pub(crate) fn take_gate(&mut self, path: &str) -> Option<GateAction> {
        let gate = self.write_gate.as_mut()?;
        if !path.contains(&gate.matching) {
            return None;
        }
        if gate.nth > 1 {
            gate.nth -= 1;
            return None;
        }
        self.write_gate.take().map(|gate| gate.action)
    }
}
