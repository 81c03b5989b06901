//! Carrying a decision out: intent, metadata, alert, done. Each step is written down by compare-and-set before the next begins,
//! so that a host killed at any moment leaves a record from which `resume` ends with one metadata object and at most one alert.
//!
//! - The metadata is a function of the intent, so sending it twice is sending it once; where it is already there it is not sent.
//! - An alert can't be sent twice unharmed. The record says "being sent" first; found so later, the outcome is unknown for good.

use airlock_guest::{CloudError, Host, Problem, Request, Scope, Session, StoreError};
use serde_json::{Value, json};

use crate::case::{Alert, CaseFile, Decision, Intent, Step};
use crate::date::rfc3339;
use crate::identity::{Identity, METADATA_KEY};
use crate::order::{self, Order};
use crate::require;

/// Said where a decision stays open.
const UNFINISHED: &str = "The decision is unfinished: open the identity again to finish it.";

/// Records a reviewer's decision and carries it out. Without `data:write` nothing is stored.
pub(crate) fn decide(
    host: &impl Host,
    session: &Session,
    request: &Request,
    identity_id: &str,
) -> Result<(Identity, CaseFile), Problem> {
    require(host, Scope::DataWrite)?;
    require(host, Scope::DataRead)?;
    let order = Order::parse(request)?;
    let mut identity = Identity::fetch(host, identity_id)?;
    let mut file = CaseFile::load(host, identity_id)?;
    if file.case.open.is_some() {
        return Err(Problem::conflict(
            "Another decision on this identity is under way or unfinished.",
        ));
    }
    // Who saw no version saw nothing recorded: a request sent twice must not decide twice.
    if order.version.unwrap_or(0) != file.version() {
        return Err(taken());
    }
    file.case.open = Some(Intent {
        case: new_case_id(host),
        at: host.now(),
        decision: order.decision,
        reason: order.reason,
        by: session.user_id.clone(),
        step: Step::Intent,
    });
    file.save(host).map_err(overtaken)?;
    carry_out(host, &mut identity, &mut file)?;
    Ok((identity, file))
}

/// Finishes a decision that was left unfinished; 409 where none is.
pub(crate) fn resume(
    host: &impl Host,
    request: &Request,
    identity_id: &str,
) -> Result<(Identity, CaseFile), Problem> {
    require(host, Scope::DataWrite)?;
    require(host, Scope::DataRead)?;
    order::parse_nothing(request)?;
    let mut identity = Identity::fetch(host, identity_id)?;
    let mut file = CaseFile::load(host, identity_id)?;
    if file.case.open.is_none() {
        return Err(Problem::conflict("Nothing is unfinished here."));
    }
    carry_out(host, &mut identity, &mut file)?;
    Ok((identity, file))
}

/// Goes on from the step that the record names, to the end.
fn carry_out(
    host: &impl Host,
    identity: &mut Identity,
    file: &mut CaseFile,
) -> Result<(), Problem> {
    let Some(mut intent) = file.case.open.clone() else {
        return Ok(());
    };
    if intent.step == Step::Intent {
        write_metadata(host, identity, file, &intent)?;
        intent.step = Step::Metadata;
        file.case.open = Some(intent.clone());
        if let Err(error) = file.save(host) {
            return settle(host, file, &intent.case, &Alert::None, error);
        }
    }
    let alert = match (intent.step, intent.decision) {
        (_, Decision::Approved | Decision::Rejected) => Alert::None,
        (Step::Alert, Decision::Review) => Alert::Unknown {
            why: "The app was interrupted while the alert was being sent.".to_owned(),
        },
        (Step::Intent | Step::Metadata, Decision::Review) => raise_alert(host, identity, file)?,
    };
    file.case.close(alert.clone());
    if let Err(error) = file.save(host) {
        return settle(host, file, &intent.case, &alert, error);
    }
    host.log().info(
        "Recorded a decision",
        &[
            ("identity", &identity.id()),
            ("case", &intent.case),
            ("decision", &intent.decision.as_str()),
        ],
    );
    Ok(())
}

/// Sees to it that the intent's metadata is on the ledger.
fn write_metadata(
    host: &impl Host,
    identity: &mut Identity,
    file: &mut CaseFile,
    intent: &Intent,
) -> Result<(), Problem> {
    let review = metadata_of(intent);
    if identity.review() == Some(&review) {
        return Ok(());
    }
    let id = identity.id().to_owned();
    let written = host.ledger().merge_metadata(&id, METADATA_KEY, &review);
    let Err(error) = written else {
        identity.set_review(review);
        return Ok(());
    };
    match error {
        CloudError::OutcomeUnknown(_) | CloudError::LimitExceeded(_) | CloudError::Other(_) => {
            match Identity::fetch(host, &id) {
                Ok(fresh) if fresh.review() == Some(&review) => {
                    *identity = fresh;
                    Ok(())
                }
                _ => Err(Problem::from(error).with_advice(UNFINISHED)),
            }
        }
        // Certainly not done, and trying again will not help: the case must not stay blocked.
        CloudError::NotGranted(_)
        | CloudError::NotRequested(_)
        | CloudError::InvalidRequest(_)
        | CloudError::NotFound
        | CloudError::Conflict(_)
        | CloudError::Rejected(_) => {
            file.withdraw(host).map_err(overtaken)?;
            Err(Problem::from(error).with_advice("Nothing was recorded."))
        }
        CloudError::RateLimited(_) | CloudError::Unavailable(_) | CloudError::Revoked => {
            Err(Problem::from(error).with_advice(UNFINISHED))
        }
    }
}

/// The whole object under this app's metadata key, the same whenever it is made from the same intent.
fn metadata_of(intent: &Intent) -> Value {
    json!({
        "status": intent.decision.as_str(),
        "decision": intent.decision.as_str(),
        "case_id": intent.case,
        "reason": intent.reason,
        "checked_at": rfc3339(intent.at),
        "reviewed_by": intent.by,
    })
}

/// Raises the alert, at most once: the record says so before the request leaves.
fn raise_alert(
    host: &impl Host,
    identity: &Identity,
    file: &mut CaseFile,
) -> Result<Alert, Problem> {
    if !host.granted(&Scope::AlertsWrite) {
        return Ok(Alert::Skipped {
            why: "alerts:write was not granted.".to_owned(),
        });
    }
    let Some(intent) = set_step(file, Step::Alert) else {
        return Ok(Alert::None);
    };
    file.save(host).map_err(overtaken)?;
    let description = format!("Case {}: {}", intent.case, intent.reason);
    let raised = host.alerts().raise(
        identity.id(),
        Some("KYC: a person must look at this identity"),
        &description,
    );
    let error = match raised {
        Ok(id) => return Ok(Alert::Raised { id }),
        Err(error) => error,
    };
    let why = shorten(&error.to_string());
    match error {
        // Certainly not sent: the step before is where to go on from.
        CloudError::RateLimited(_) | CloudError::Unavailable(_) => {
            set_step(file, Step::Metadata);
            file.save(host).map_err(overtaken)?;
            Err(Problem::from(error).with_advice(UNFINISHED))
        }
        CloudError::NotGranted(_)
        | CloudError::NotRequested(_)
        | CloudError::InvalidRequest(_)
        | CloudError::NotFound
        | CloudError::Conflict(_)
        | CloudError::Rejected(_) => Ok(Alert::Skipped { why }),
        CloudError::OutcomeUnknown(_)
        | CloudError::Revoked
        | CloudError::LimitExceeded(_)
        | CloudError::Other(_) => Ok(Alert::Unknown { why }),
    }
}

fn set_step(file: &mut CaseFile, step: Step) -> Option<Intent> {
    let intent = file.case.open.as_mut()?;
    intent.step = step;
    Some(intent.clone())
}

/// A write of the record failed. Where another call has meanwhile finished this very decision, all is well, and what only this
/// call knows of the alert is added.
fn settle(
    host: &impl Host,
    file: &mut CaseFile,
    case: &str,
    alert: &Alert,
    error: StoreError,
) -> Result<(), Problem> {
    if !matches!(error, StoreError::Conflict(_)) {
        return Err(Problem::from(error).with_advice(UNFINISHED));
    }
    file.reload(host)?;
    let Some(closed) = file.case.closed(case) else {
        return Err(taken());
    };
    if matches!(closed.alert, Alert::Unknown { .. }) && matches!(alert, Alert::Raised { .. }) {
        closed.alert = alert.clone();
        if file.save(host).is_err() {
            // Somebody has begun the next decision: the record's "unknown" stays, which is true enough.
            file.reload(host)?;
        }
    }
    Ok(())
}

/// A failed compare-and-set in the words of this app.
fn overtaken(error: StoreError) -> Problem {
    match error {
        StoreError::Conflict(_) => taken(),
        error => error.into(),
    }
}

fn taken() -> Problem {
    Problem::conflict("Someone else has decided or is deciding on this identity. Load it again.")
}

fn new_case_id(host: &impl Host) -> String {
    use std::fmt::Write;
    let mut id = String::from("case_");
    for byte in host.random(12) {
        let _ = write!(id, "{byte:02x}");
    }
    id
}

/// Texts of Cloud's are shown, not trusted: 200 characters will do.
fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}
