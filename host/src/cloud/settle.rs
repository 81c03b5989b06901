//! A transaction that the host sent more than once, settled: Cloud is asked what became of its `reference`.
//!
//! Success is told only of what is known to be the sent transaction: its reference, its money and both its sides are the
//! same. What can't be compared leaves the outcome unknown, unless the host made the reference of this very body.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::amount::Decimal;
use super::error::CloudError;
use super::outbound::{Outbound, Reference};
use super::path::CloudPath;

mod amount;

/// Fields of a transaction that say what is compared here, or nothing about what is posted. Any other one may make
/// it a transaction that this comparison does not see whole.
const UNDERSTOOD: [&str; 11] = [
    "allow_overdraft",
    "amount",
    "currency",
    "description",
    "destination",
    "meta_data",
    "precise_amount",
    "precision",
    "reference",
    "skip_queue",
    "source",
];
/// What Cloud fills in where the sender names none.
const PRECISION: Decimal = Decimal::from_integer(100);

/// The read that settles. Two rows are enough to see that there is more than one.
pub(super) fn question(reference: &str) -> Outbound {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Outbound::get(CloudPath::fixed(&["data", "transactions"]))
        .query(vec![pair("reference_eq", reference), pair("pageSize", "2")])
}

/// What the call ends with, from what Cloud keeps under the reference: the one transaction there, if it is the one that
/// was sent. A transaction of another kind may be someone else's, and one that is not there may still come.
pub(super) fn settled(
    reference: &Reference,
    sent: Option<&str>,
    kept: &str,
) -> Result<String, CloudError> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }

    let list: List<'_> = serde_json::from_str(kept).map_err(|_| unsettled())?;
    let [one] = list.data.as_slice() else {
        return Err(unsettled());
    };
    let (Some(sent), Some(kept)) = (sent.and_then(Posting::parse), Posting::parse(one.get()))
    else {
        return Err(unsettled());
    };
    if kept.text("reference").as_deref() != Some(reference.as_str()) {
        return Err(unsettled());
    }
    match (sent.compare(&kept), reference) {
        (Likeness::Same, _) | (Likeness::Unclear, Reference::Hosts(_)) => Ok(one.get().to_owned()),
        (Likeness::Unclear, Reference::Guests(_)) | (Likeness::Other, _) => Err(unsettled()),
    }
}

/// Nobody knows.
pub(super) fn unsettled() -> CloudError {
    CloudError::OutcomeUnknown(
        "the transaction was sent more than once, and what became of it can't be read by its reference".to_owned(),
    )
}

/// How two things compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    Same,
    /// At least one of them does not say enough.
    Unclear,
    Other,
}

impl Likeness {
    fn of<T: PartialEq>(one: Option<T>, other: Option<T>) -> Self {
        match (one, other) {
            (Some(one), Some(other)) if one == other => Self::Same,
            (Some(_), Some(_)) => Self::Other,
            _ => Self::Unclear,
        }
    }

    fn known(known: bool) -> Self {
        if known { Self::Same } else { Self::Unclear }
    }
}

/// A transaction's fields as they were written, so that no amount is rounded.
struct Posting<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Posting<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).map(Self).ok()
    }

    fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    fn number(&self, name: &str) -> Option<Decimal> {
        Decimal::parse(self.0.get(name)?.get())
    }

    fn says(&self, name: &str) -> bool {
        self.0
            .get(name)
            .is_some_and(|value| !matches!(value.get(), "null" | "false" | "\"\"" | "[]"))
    }

    /// Compares what was sent with what is kept.
    fn compare(&self, kept: &Self) -> Likeness {
        let unknown = |name: &String| !UNDERSTOOD.contains(&name.as_str()) && self.says(name);
        let fields = [
            Likeness::known(!self.0.keys().any(unknown)),
            Likeness::of(Some(self.holds()), Some(kept.holds())),
            Likeness::of(self.text("currency"), kept.text("currency")),
            self.side(kept, "source"),
            self.side(kept, "destination"),
            self.amount(kept),
        ];
        fields.into_iter().max().unwrap_or(Likeness::Unclear)
    }

    /// Whether it holds its money back instead of moving it.
    fn holds(&self) -> bool {
        let status = self.text("status");
        self.says("inflight") || matches!(status.as_deref(), Some("INFLIGHT" | "VOID"))
    }

    /// `@Name` is kept by the id of the balance that has this name.
    fn side(&self, kept: &Self, name: &str) -> Likeness {
        let by_id = |text: &String| !text.is_empty() && !text.starts_with('@');
        Likeness::of(self.text(name).filter(by_id), kept.text(name))
    }

    /// Either may say its amount whole, or in its smallest unit; the two meet in the smallest unit.
    fn amount(&self, kept: &Self) -> Likeness {
        let unit = self.unit(Some(PRECISION));
        let kept_unit = kept.unit(unit);
        let one_way = !(self.says("amount") && self.says("precise_amount"));
        Likeness::known(one_way)
            .max(Likeness::of(unit, kept_unit))
            .max(Likeness::of(self.smallest(unit), kept.smallest(kept_unit)))
    }

    /// How many of the smallest unit make one.
    fn unit(&self, unsaid: Option<Decimal>) -> Option<Decimal> {
        if self.says("precision") {
            self.number("precision").filter(|unit| !unit.is_zero())
        } else {
            unsaid
        }
    }

    fn smallest(&self, unit: Option<Decimal>) -> Option<Decimal> {
        match self.number("precise_amount") {
            Some(precise) => Some(precise),
            None => self.number("amount")?.times(unit?),
        }
    }
}

#[cfg(test)]
mod tests;
