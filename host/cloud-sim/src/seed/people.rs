//! Seeded identities: most of them ordinary, some chosen to trip an app.

use serde_json::{Map, Value, json};

use super::names::{
    COMPANY_FORMS, COMPANY_TRADES, COMPANY_WORDS, COUNTRIES, Country, ODD_NAMES, STREETS,
};
use super::{Chance, SeedClock};
use crate::ids::{Ids, fixed};
use crate::ledger::{Ledger, Record, ZERO_TIME};

/// How many ordinary identities there are beside the chosen ones.
const ORDINARY: usize = 300;

pub(super) fn add(ledger: &mut Ledger, ids: &mut Ids, chance: &mut Chance, clock: &mut SeedClock) {
    add_chosen(ledger, ids, chance, clock);
    for number in 0..ORDINARY {
        let at = chance.below(COUNTRIES.len());
        let Some(country) = COUNTRIES.get(at) else {
            continue;
        };
        let mut identity = if number % 5 == 4 {
            company(chance, country)
        } else {
            person(chance, country, number)
        };
        identity.insert("meta_data".to_owned(), metadata(number));
        store(ledger, ids, clock, identity);
    }
}

/// The identities that are there for a reason.
fn add_chosen(ledger: &mut Ledger, ids: &mut Ids, chance: &mut Chance, clock: &mut SeedClock) {
    let [us, gb, .., ir, kp] = &COUNTRIES;

    // Resembles an entry of a sanctions list; carries the seeded alert.
    let mut listed = person(chance, ir, 1);
    listed.insert("meta_data".to_owned(), json!({ "segment": "retail" }));
    store(ledger, ids, clock, listed);

    let mut second_listed = person(chance, kp, 2);
    second_listed.insert("meta_data".to_owned(), json!({}));
    store(ledger, ids, clock, second_listed);

    // Some fields are tokens; what they stand for is in the ledger's token table.
    let mut tokenized = person(chance, gb, 3);
    let id = ids.next("idt_");
    for (field, name) in [
        ("first_name", "FirstName"),
        ("last_name", "LastName"),
        ("email_address", "EmailAddress"),
    ] {
        let slot = tokenized.entry(field.to_owned()).or_insert(Value::Null);
        let plain = slot.as_str().unwrap_or_default().to_owned();
        *slot = json!(fixed("tok_", &format!("{id} {name}")));
        ledger.tokenized.insert(format!("{id} {name}"), plain);
    }
    let flags = json!({ "FirstName": true, "LastName": true, "EmailAddress": true });
    tokenized.insert("meta_data".to_owned(), json!({ "tokenized_fields": flags }));
    store_as(ledger, clock, id, tokenized);

    let mut without_metadata = person(chance, us, 4);
    without_metadata.insert("meta_data".to_owned(), Value::Null);
    store(ledger, ids, clock, without_metadata);

    for born in [
        "2012-03-09T00:00:00Z",
        "2015-11-30T00:00:00Z",
        "2009-07-01T00:00:00Z",
    ] {
        let mut minor = person(chance, gb, 5);
        minor.insert("dob".to_owned(), json!(born));
        store(ledger, ids, clock, minor);
    }

    // Nothing but a type: fields are absent, not empty.
    store(
        ledger,
        ids,
        clock,
        Map::from_iter([("identity_type".to_owned(), json!("individual"))]),
    );
    let mut bare_company = Map::new();
    bare_company.insert("identity_type".to_owned(), json!("organization"));
    bare_company.insert(
        "organization_name".to_owned(),
        json!("Untraceable Holdings"),
    );
    store(ledger, ids, clock, bare_company);

    for (given, family) in ODD_NAMES {
        let mut odd = person(chance, us, 6);
        odd.insert("first_name".to_owned(), json!(given));
        odd.insert("last_name".to_owned(), json!(family));
        odd.insert(
            "meta_data".to_owned(),
            json!({ "note": format!("{given} & {family}") }),
        );
        store(ledger, ids, clock, odd);
    }

    let mut long = person(chance, us, 7);
    long.insert(
        "first_name".to_owned(),
        json!("Wolfeschlegelstein".repeat(20)),
    );
    long.insert(
        "last_name".to_owned(),
        json!("Hausenbergerdorff ".repeat(30).trim_end()),
    );
    store(ledger, ids, clock, long);

    let mut long_company = company(chance, gb);
    long_company.insert(
        "organization_name".to_owned(),
        json!("The Worshipful Company of ".repeat(40)),
    );
    store(ledger, ids, clock, long_company);
}

fn person(chance: &mut Chance, country: &Country, number: usize) -> Record {
    let given = chance.pick(country.given);
    let family = chance.pick(country.family);
    let mut record = Map::new();
    let mut put =
        |field: &str, value: String| record.insert(field.to_owned(), Value::String(value));
    put("identity_type", "individual".to_owned());
    put(
        "category",
        chance
            .pick(&["customer", "customer", "customer", "employee", "merchant"])
            .to_owned(),
    );
    put("first_name", given.to_owned());
    put("last_name", family.to_owned());
    put(
        "other_names",
        if number.is_multiple_of(6) {
            chance.pick(country.given).to_owned()
        } else {
            String::new()
        },
    );
    put(
        "gender",
        chance.pick(&["female", "male", "other", ""]).to_owned(),
    );
    let day = chance.below(28) + 1;
    let (year, month) = (1944 + chance.below(60), chance.below(12) + 1);
    put("dob", format!("{year:04}-{month:02}-{day:02}T00:00:00Z"));
    let mailbox = 1_000 + chance.below(9_000);
    put("email_address", format!("person{mailbox}@example.com"));
    put(
        "phone_number",
        format!(
            "{}{}",
            country.dial,
            100_000_000 + chance.below(899_999_999)
        ),
    );
    put("nationality", country.nationality.to_owned());
    address(&mut put, chance, country);
    record
}

fn company(chance: &mut Chance, country: &Country) -> Record {
    let name = format!(
        "{} {} {}",
        chance.pick(&COMPANY_WORDS),
        chance.pick(&COMPANY_TRADES),
        chance.pick(&COMPANY_FORMS)
    );
    let mut record = Map::new();
    let mut put =
        |field: &str, value: String| record.insert(field.to_owned(), Value::String(value));
    put("identity_type", "organization".to_owned());
    put(
        "category",
        chance.pick(&["merchant", "partner", "supplier"]).to_owned(),
    );
    put("organization_name", name);
    put(
        "email_address",
        format!("office{}@example.org", 100 + chance.below(900)),
    );
    put(
        "phone_number",
        format!(
            "{}{}",
            country.dial,
            100_000_000 + chance.below(899_999_999)
        ),
    );
    address(&mut put, chance, country);
    record
}

fn address(
    put: &mut impl FnMut(&str, String) -> Option<Value>,
    chance: &mut Chance,
    country: &Country,
) {
    put(
        "street",
        format!("{} {}", 1 + chance.below(250), chance.pick(&STREETS)),
    );
    put("city", country.city.to_owned());
    put("state", String::new());
    put("post_code", format!("{:05}", chance.below(99_999)));
    put("country", country.code.to_owned());
}

/// Every fourth identity has none, the others one of three shapes.
fn metadata(number: usize) -> Value {
    match number % 4 {
        0 => Value::Null,
        1 => json!({ "customer_id": format!("CUST{number:06}") }),
        2 => {
            json!({ "myApp": { "segment": if number.is_multiple_of(3) { "premium" } else { "basic" } } })
        }
        _ => {
            json!({ "customer_id": format!("CUST{number:06}"), "onboarding": { "channel": "web", "step": number % 7 } })
        }
    }
}

fn store(ledger: &mut Ledger, ids: &mut Ids, clock: &mut SeedClock, identity: Record) {
    let id = ids.next("idt_");
    store_as(ledger, clock, id, identity);
}

/// Ordinary identities get every string field; sparse ones keep what they lack.
fn store_as(ledger: &mut Ledger, clock: &mut SeedClock, id: String, mut identity: Record) {
    let is_sparse = identity.len() < 4;
    if !is_sparse {
        for field in crate::ledger::IDENTITY_TEXTS {
            identity
                .entry(field.to_owned())
                .or_insert_with(|| json!(""));
        }
        identity
            .entry("dob".to_owned())
            .or_insert_with(|| json!(ZERO_TIME));
        identity
            .entry("meta_data".to_owned())
            .or_insert(Value::Null);
    }
    identity.insert("identity_id".to_owned(), json!(id));
    identity.insert("created_at".to_owned(), json!(clock.next().to_string()));
    ledger.identities.push(id, identity);
}
