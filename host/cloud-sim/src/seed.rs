//! The data that a fresh workspace holds: the same on each start.

mod chance;
mod money;
mod names;
mod people;

use jiff::{Timestamp, ToSpan};
use serde_json::{Map, json};

use crate::ids::Ids;
use crate::ledger::{GENERAL_LEDGER, Kind, Ledger, text};
use crate::state::{AlertBook, Subject};
use chance::Chance;

/// The moment at which the seeded workspace begins: 2026-01-05T08:00:00Z.
const BEGINNING: i64 = 1_767_600_000;

/// A clock that runs by fixed steps of uneven length, so that times have varying digits.
struct SeedClock(Timestamp);

impl SeedClock {
    fn new(minutes_after_beginning: i64) -> Self {
        let beginning = Timestamp::from_second(BEGINNING).unwrap_or_default();
        Self(
            beginning
                .checked_add(minutes_after_beginning.minutes())
                .unwrap_or(beginning),
        )
    }

    fn next(&mut self) -> Timestamp {
        let step = 17
            .minutes()
            .seconds(13)
            .milliseconds(37)
            .microseconds(11)
            .nanoseconds(70);
        self.0 = self.0.checked_add(step).unwrap_or(self.0);
        self.0
    }
}

/// The ledger of the instance with this number; different instances share no identifier.
pub(crate) fn ledger(instance: usize) -> Ledger {
    let mut ids = Ids::Seeded {
        name: format!("seed {instance}"),
        made: 0,
    };
    let mut chance = Chance::new(instance as u64);
    let mut clock = SeedClock::new(0);
    let mut ledger = Ledger::default();
    let mut ledger_ids = Vec::new();
    for name in [
        "General Ledger",
        "Customer Wallets",
        "Merchant Settlement",
        "Fees & Revenue",
    ] {
        let id = if ledger_ids.is_empty() {
            GENERAL_LEDGER.to_owned()
        } else {
            ids.next("ldg_")
        };
        let mut record = Map::new();
        record.insert("ledger_id".to_owned(), json!(id));
        record.insert("name".to_owned(), json!(name));
        record.insert("created_at".to_owned(), json!(clock.next().to_string()));
        record.insert("meta_data".to_owned(), json!({}));
        ledger_ids.push(id.clone());
        ledger.ledgers.push(id, record);
    }
    people::add(&mut ledger, &mut ids, &mut chance, &mut clock);
    money::add(&mut ledger, &mut ids, &mut chance, &mut clock, &ledger_ids);
    ledger
}

/// One alert on an identity, and one custom status.
pub(crate) fn alerts(ledger: Option<&Ledger>) -> AlertBook {
    let mut book = AlertBook::default();
    let mut ids = Ids::Seeded {
        name: "seed alerts".to_owned(),
        made: 0,
    };
    let moment = SeedClock::new(60 * 24 * 9).next();
    book.add_status(
        moment,
        "PENDING_REVIEW".to_owned(),
        "Pending Review".to_owned(),
        "#3B82F6".to_owned(),
    );
    if let Some(identity) = ledger.and_then(|ledger| ledger.table(Kind::Identities).rows().first())
    {
        let words = (
            "Name resembles an entry of a sanctions list".to_owned(),
            "Raised by the nightly screening. Compare the date of birth before deciding."
                .to_owned(),
        );
        book.raise(
            &mut ids,
            moment,
            Subject::Identity,
            text(identity, "identity_id"),
            words,
        );
    }
    book
}
