//! One call into a guest: what goes in, what comes out, and how it can fail.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::component::ResourceTableError;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};

use super::engine::{Engine, Stop};
use super::guest_log::{escaped, masks};
use super::host::bindings::blnk::app::delivery;
use super::host::bindings::blnk::app::http_types;
use super::host::bindings::exports::blnk::app::portal;
use super::host::{Binding, CallShape, CallState};
use super::limits::CallLimits;
use super::meter::metered;
use super::plugin::{Plugin, quote_lines};
use super::record::CallRecord;
use super::turns::Place;

mod answer;
pub(crate) mod headers;

/// Names the portal session that asks; opens nothing.
#[derive(Debug, Clone)]
pub struct GuestSession {
    /// Names the session in logs.
    pub id: String,
    /// The launching user, where Cloud told it.
    pub user_id: Option<String>,
    /// When the session ends, in milliseconds since the Unix epoch.
    pub expires_at: u64,
}

/// A request of the page to its own backend.
#[derive(Debug, Clone)]
pub struct GuestRequest {
    /// In upper case.
    pub method: String,
    /// Segments after `api/`, percent-decoded.
    pub path: Vec<String>,
    /// Pairs, percent-decoded.
    pub query: Vec<(String, String)>,
    /// Of these only four reach the guest.
    pub headers: Vec<(String, String)>,
    /// Whole.
    pub body: Vec<u8>,
}

/// A guest's answer, checked: status 200 to 599, listed headers with sound values, a body within its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestResponse {
    /// 200 to 599.
    pub status: u16,
    /// Listed headers alone, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Whole.
    pub body: Vec<u8>,
}

/// Which event a hook is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The same for every try.
    pub id: String,
    /// From 1.
    pub attempt: u32,
}

/// What a hook ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookOutcome {
    /// The guest is done with it.
    Done,
    /// The app has no such hook.
    NotExported,
    /// To be tried again, and why.
    Retry(String),
    /// Not to be tried again, and why.
    GiveUp(String),
}

/// Why a call gave no answer. Says nothing about the guest's inside: that is in the report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallFailure {
    /// The app does not serve.
    #[error("the app does not serve: {reason}")]
    NotServing {
        /// For the operator.
        reason: String,
    },
    /// The app, or this install of it, kept failing and is not called for a while.
    #[error("the app keeps failing and is not called for a while")]
    Quarantined {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// Too many calls run and wait.
    #[error("the app is busy")]
    Busy,
    /// The CPU time is used up.
    #[error("the app used up its CPU time")]
    Cpu,
    /// The time on the clock is used up.
    #[error("the app took too long")]
    Wall,
    /// The memory is used up.
    #[error("the app used up its memory")]
    Memory,
    /// The app crashed.
    #[error("the app crashed")]
    Trap,
    /// Another limit of the call was reached.
    #[error("the app reached a limit of the call")]
    Limit,
    /// The answer was not acceptable.
    #[error("the app's answer was not acceptable")]
    BadOutput,
}

impl CallFailure {
    /// The status of the answer to the page.
    pub fn status(&self) -> u16 {
        match self {
            Self::NotServing { .. } | Self::Quarantined { .. } | Self::Busy => 503,
            Self::Cpu | Self::Wall => 504,
            Self::Memory | Self::Trap | Self::Limit | Self::BadOutput => 502,
        }
    }

    /// One word for the log.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotServing { .. } => "not-serving",
            Self::Quarantined { .. } => "quarantined",
            Self::Busy => "busy",
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Memory => "memory",
            Self::Trap => "trap",
            Self::Limit => "limit",
            Self::BadOutput => "bad-output",
        }
    }
}

/// A failure and what the operator should know of it.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) failure: CallFailure,
    pub(super) detail: String,
}

impl Failed {
    pub(super) fn new(failure: CallFailure, detail: impl Into<String>) -> Self {
        Self {
            failure,
            detail: detail.into(),
        }
    }
}

/// Request headers that a guest is told. Everything else could carry credentials or name the visitor.
pub(crate) const REQUEST_HEADERS: [&str; 4] =
    ["accept", "accept-language", "content-type", "if-none-match"];

/// What to call.
pub(super) enum Ask {
    Portal(GuestSession, GuestRequest),
    Installed(Delivery),
    Uninstalled(Delivery),
}

/// What came back.
pub(super) enum Answer {
    Portal(GuestResponse),
    Hook(HookOutcome),
}

/// Runs one call in a store of its own, within its limits. The store is dropped before this answers, whatever happened.
pub(super) async fn run(
    engine: &Engine,
    plugin: &Plugin,
    limits: &CallLimits,
    binding: Binding,
    ask: Ask,
    place: Place,
    record: &mut CallRecord,
) -> Result<Answer, Failed> {
    let shape = CallShape {
        meter: Arc::clone(record.meter()),
        memory_bytes: plugin.limits().memory_bytes,
        cpu: limits.cpu,
        log: record.log().clone(),
        now: binding.now,
    };
    let (state, outputs) = CallState::new(shape, Some(binding));
    let meter = Arc::clone(record.meter());
    let deadline = Instant::now() + limits.wall;
    let mut store = engine.store(state);
    let call = metered(&meter, place, ask_guest(plugin, &mut store, ask));
    let result = tokio::time::timeout_at(deadline, call).await;
    drop(store);
    for output in outputs {
        output.finish();
    }
    match result {
        Ok(Ok(raw)) => {
            let answer = raw.checked(plugin.limits().response_bytes)?;
            answer::keeps_the_key(&answer, record.cloud())?;
            Ok(answer)
        }
        Ok(Err(error)) => Err(classified(&error, meter.memory_was_refused())),
        Err(_) => Err(Failed::new(
            CallFailure::Wall,
            format!("it ran longer than {:?}", limits.wall),
        )),
    }
}

/// What came back, unchecked.
enum Raw {
    Portal(http_types::Response),
    Hook(HookOutcome),
}

impl Raw {
    fn checked(self, max_body: usize) -> Result<Answer, Failed> {
        match self {
            Self::Portal(response) => answer::checked(response, max_body).map(Answer::Portal),
            Self::Hook(outcome) => Ok(Answer::Hook(outcome)),
        }
    }
}

async fn ask_guest(
    plugin: &Plugin,
    store: &mut Store<CallState>,
    ask: Ask,
) -> wasmtime::Result<Raw> {
    let instance = plugin.instance_pre().instantiate_async(&mut *store).await?;
    let lifecycle = match (&ask, plugin.lifecycle()) {
        (Ask::Portal(..), _) => None,
        (_, Some(indices)) => Some(indices.load(&mut *store, &instance)?),
        (_, None) => return Ok(Raw::Hook(HookOutcome::NotExported)),
    };
    match (ask, lifecycle) {
        (Ask::Portal(session, request), _) => {
            let guest = plugin.portal().load(&mut *store, &instance)?;
            let response = guest
                .call_handle(store, &told_session(session), &told_request(request))
                .await?;
            Ok(Raw::Portal(response))
        }
        (Ask::Installed(delivery), Some(guest)) => {
            let outcome = guest
                .call_installed(store, &told_delivery(delivery))
                .await?;
            Ok(Raw::Hook(hook_outcome(outcome)))
        }
        (Ask::Uninstalled(delivery), Some(guest)) => {
            let outcome = guest
                .call_uninstalled(store, &told_delivery(delivery))
                .await?;
            Ok(Raw::Hook(hook_outcome(outcome)))
        }
        (_, None) => Ok(Raw::Hook(HookOutcome::NotExported)),
    }
}

fn told_session(session: GuestSession) -> portal::Session {
    portal::Session {
        id: session.id,
        user_id: session.user_id,
        expires_at: session.expires_at,
    }
}

fn told_request(request: GuestRequest) -> http_types::Request {
    let mut headers = request.headers;
    headers.retain(|(name, _)| REQUEST_HEADERS.contains(&name.as_str()));
    http_types::Request {
        method: request.method,
        path: request.path,
        query: request.query,
        headers,
        body: request.body,
    }
}

fn told_delivery(delivery: Delivery) -> delivery::Delivery {
    delivery::Delivery {
        id: delivery.id,
        attempt: delivery.attempt,
    }
}

fn hook_outcome(outcome: Result<(), delivery::Failure>) -> HookOutcome {
    // The reasons are the guest's words: bounded and escaped before anyone shows them.
    let told = |reason: &str| escaped(&masks::text(reason), 500);
    match outcome {
        Ok(()) => HookOutcome::Done,
        Err(delivery::Failure::Retry(reason)) => HookOutcome::Retry(told(&reason)),
        Err(delivery::Failure::GiveUp(reason)) => HookOutcome::GiveUp(told(&reason)),
    }
}

/// Why a call ended early.
pub(super) fn classified(error: &wasmtime::Error, memory_was_refused: bool) -> Failed {
    let failure = if let Some(stop) = error.downcast_ref::<Stop>() {
        match stop {
            Stop::Cpu => CallFailure::Cpu,
            Stop::HostCalls => CallFailure::Limit,
        }
    } else if error.is::<PoolConcurrencyLimitError>() {
        CallFailure::Busy
    } else if memory_was_refused {
        // Most guests trap when an allocation fails; that is a matter of memory, not a crash.
        CallFailure::Memory
    } else if error.is::<Trap>() || error.is::<wasmtime_wasi::I32Exit>() {
        CallFailure::Trap
    } else if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        CallFailure::Limit
    } else {
        classified_by_text(error)
    };
    Failed::new(failure, cause_first(error))
}

/// The cause before the trace through the guest's functions, which may be long enough to be cut.
fn cause_first(error: &wasmtime::Error) -> String {
    let mut chain: Vec<_> = error.chain().map(ToString::to_string).collect();
    chain.reverse();
    quote_lines(&chain)
}

/// Wasmtime's other refusals have no types of their own.
fn classified_by_text(error: &wasmtime::Error) -> CallFailure {
    let text = format!("{error:#}");
    // Data lifted from the guest at once, handles in the store's table.
    if ["fuel allocated for hostcalls", "handle limit exceeded"]
        .iter()
        .any(|limit| text.contains(limit))
    {
        return CallFailure::Limit;
    }
    // Strings that are not UTF-8, pointers out of bounds, cases that a variant does not have.
    let outputs = [
        "utf-8",
        "utf8",
        "utf-16",
        "surrogate",
        "out of bounds",
        "discriminant",
        "not aligned",
        "not a valid",
        "invalid",
    ];
    let lower = text.to_ascii_lowercase();
    if outputs.iter().any(|output| lower.contains(output)) {
        return CallFailure::BadOutput;
    }
    CallFailure::Trap
}
