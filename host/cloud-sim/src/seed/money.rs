//! Seeded balances and transactions, made by the ledger's own operations.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Chance, SeedClock};
use crate::ids::Ids;
use crate::ledger::{Ledger, NewBalance, Posting, Settlement, text};

/// How many balances are linked to identities.
const LINKED: usize = 60;
const CURRENCIES: [&str; 4] = ["USD", "EUR", "NGN", "GBP"];

pub(super) fn add(
    ledger: &mut Ledger,
    ids: &mut Ids,
    chance: &mut Chance,
    clock: &mut SeedClock,
    ledger_ids: &[String],
) {
    let owners: Vec<String> = ledger
        .identities
        .rows()
        .iter()
        .step_by(5)
        .map(|row| text(row, "identity_id").to_owned())
        .collect();
    let mut wallets = Vec::new();
    for number in 0..LINKED {
        let currency = CURRENCIES
            .get(number % CURRENCIES.len())
            .copied()
            .unwrap_or("USD");
        // Every seventh balance belongs to nobody.
        let owner = if number % 7 == 6 {
            None
        } else {
            owners.get(number % owners.len().max(1))
        };
        let balance = ledger.create_balance(
            ids,
            clock.next(),
            NewBalance {
                ledger_id: ledger_ids.get(1 + number % 3).cloned().unwrap_or_default(),
                identity_id: owner.cloned().unwrap_or_default(),
                currency: currency.to_owned(),
                indicator: None,
                meta_data: if number % 3 == 0 {
                    Value::Null
                } else {
                    json!({ "account": format!("AC-{number:04}") })
                },
            },
        );
        wallets.push((text(&balance, "balance_id").to_owned(), currency));
    }
    let mut move_money = |number: usize, posting: Posting, kind: Step| {
        step(ledger, ids, clock, number, posting, kind);
    };
    for (number, (wallet, currency)) in wallets.iter().enumerate() {
        // Every tenth wallet stays empty.
        if number % 10 == 9 {
            continue;
        }
        let amount = 10_000 + i128::try_from(chance.below(9_000_000)).unwrap_or_default();
        move_money(
            number,
            deposit(wallet, currency, amount, "Opening deposit"),
            Step::AtOnce,
        );
    }
    // More than a double can hold exactly.
    if let Some((wallet, currency)) = wallets.first() {
        move_money(
            900,
            deposit(wallet, currency, 9_007_199_254_740_993, "Treasury funding"),
            Step::AtOnce,
        );
    }
    for number in 0..90 {
        let Some((wallet, currency)) = wallets.get(chance.below(wallets.len())) else {
            continue;
        };
        let amount = 100 + i128::try_from(chance.below(8_000)).unwrap_or_default();
        let mut posting = deposit(wallet, currency, amount, "Card payment");
        posting.source.clone_from(wallet);
        chance
            .pick(&["@Fees", "@Settlement", "@Chargebacks"])
            .clone_into(&mut posting.destination);
        posting.allow_overdraft = false;
        let kind = match number % 9 {
            0..=3 => Step::AtOnce,
            4 | 5 => Step::Queued,
            6 => Step::Inflight,
            7 => Step::Committed,
            _ => Step::Voided,
        };
        move_money(1_000 + number, posting, kind);
    }
    for number in 0..3 {
        let Some((wallet, currency)) = wallets.get(9 + number * 10) else {
            continue;
        };
        let mut refused = deposit(wallet, currency, 5_000, "Payment without cover");
        refused.source.clone_from(wallet);
        "@Settlement".clone_into(&mut refused.destination);
        refused.allow_overdraft = false;
        move_money(2_000 + number, refused, Step::Queued);
    }
}

/// What becomes of a seeded transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    AtOnce,
    Queued,
    Inflight,
    Committed,
    Voided,
}

fn step(
    ledger: &mut Ledger,
    ids: &mut Ids,
    clock: &mut SeedClock,
    number: usize,
    mut posting: Posting,
    kind: Step,
) {
    posting.reference = format!("seed-{number:05}");
    posting.inflight = matches!(kind, Step::Inflight | Step::Committed | Step::Voided);
    posting.skip_queue = kind != Step::Queued;
    let now: Timestamp = clock.next();
    let delay = (kind == Step::Queued).then_some(SignedDuration::from_secs(1));
    // A wallet without cover refuses; the seed then simply has one transaction fewer.
    let Ok(record) = ledger.post(ids, now, &posting, delay) else {
        return;
    };
    let id = text(&record, "transaction_id");
    match kind {
        Step::Queued => {
            ledger.run_queue(ids, clock.next());
        }
        Step::Committed => {
            ledger
                .settle(ids, clock.next(), id, Settlement::Commit(None))
                .ok();
        }
        Step::Voided => {
            ledger.settle(ids, clock.next(), id, Settlement::Void).ok();
        }
        Step::AtOnce | Step::Inflight => {}
    }
}

fn deposit(wallet: &str, currency: &str, precise_amount: i128, description: &str) -> Posting {
    Posting {
        precise_amount,
        precision: 100,
        currency: currency.to_owned(),
        reference: String::new(),
        source: "@World".to_owned(),
        destination: wallet.to_owned(),
        description: description.to_owned(),
        allow_overdraft: true,
        inflight: false,
        skip_queue: true,
        scheduled_for: None,
        parent_transaction: String::new(),
        meta_data: Value::Null,
    }
}
