//! A first automatic check by simple rules, so that a reviewer sees at once where to look. Pure functions over an identity.

use airlock_guest::Host;
use serde::Serialize;

use crate::country::{Country, first_named};
use crate::date::Date;
use crate::identity::{Identity, Kind};

/// The age that is asked for where the settings do not say one.
const DEFAULT_MINIMUM_AGE: u32 = 18;

/// Older than anybody has become: such a birthday is a slip of the pen.
const OLDEST_AGE: i64 = 130;

/// What the operator wants to be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rules {
    /// Codes or names, as the operator wrote them; codes in upper case.
    pub(crate) review_countries: Vec<String>,
    /// In years.
    pub(crate) minimum_age: u32,
}

/// The outcome and what led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    outcome: &'static str,
    findings: Vec<Finding>,
}

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    code: &'static str,
    field: Option<&'static str>,
    message: String,
}

impl Rules {
    /// The rules of the settings.
    pub(crate) fn of(host: &impl Host) -> Self {
        let settings = host.settings();
        Self {
            review_countries: settings
                .words("review_countries")
                .into_iter()
                .map(|word| {
                    if word.len() <= 3 {
                        word.to_uppercase()
                    } else {
                        word
                    }
                })
                .collect(),
            minimum_age: settings
                .parsed("minimum_age")
                .unwrap_or(DEFAULT_MINIMUM_AGE),
        }
    }
}

/// Checks an identity as of a day.
pub(crate) fn check(identity: &Identity, rules: &Rules, today: Date) -> Check {
    let mut findings = Vec::new();
    missing_fields(identity, &mut findings);
    age(identity, rules, today, &mut findings);
    countries(identity, rules, &mut findings);
    tokens(identity, &mut findings);
    let outcome = if findings.is_empty() {
        "clear"
    } else {
        "attention"
    };
    Check { outcome, findings }
}

fn missing_fields(identity: &Identity, findings: &mut Vec<Finding>) {
    let mut require = |field: &'static str, present: bool, message: &str| {
        if !present {
            findings.push(finding("missing-field", Some(field), message));
        }
    };
    let has = |field: &str| identity.text(field).is_some();
    let whole_name = has("name");
    match identity.kind() {
        Kind::Organization => {
            let named = has("organization_name") || whole_name;
            require(
                "organization_name",
                named,
                "The organization's name is missing.",
            );
        }
        Kind::Individual => {
            let first = has("first_name") || whole_name;
            let last = has("last_name") || whole_name;
            require("first_name", first, "The first name is missing.");
            require("last_name", last, "The last name is missing.");
            require(
                "nationality",
                has("nationality"),
                "The nationality is missing.",
            );
        }
        Kind::Other => {
            let named = whole_name || has("organization_name") || has("last_name");
            require(
                "last_name",
                named,
                "There is neither a last name nor an organization's name.",
            );
        }
    }
    let reachable = identity.email().is_some() || identity.phone().is_some();
    require(
        "email",
        reachable,
        "There is neither an e-mail address nor a phone number.",
    );
    require("street", has("street"), "The street is missing.");
    require("country", has("country"), "The country is missing.");
}

fn age(identity: &Identity, rules: &Rules, today: Date, findings: &mut Vec<Finding>) {
    let kind = identity.kind();
    let Some(birthday) = identity.birthday() else {
        // Only a person must have a birthday, but where one is written it must be readable.
        if kind == Kind::Individual || (kind == Kind::Other && identity.birthday_text().is_some()) {
            let message = match identity.birthday_text() {
                Some(_) => "The date of birth can't be read.",
                None => "The date of birth is missing.",
            };
            findings.push(finding("age-unknown", Some("dob"), message));
        }
        return;
    };
    if kind == Kind::Organization {
        return;
    }
    let age = birthday.years_until(today);
    let message = if birthday > today {
        "The date of birth lies in the future."
    } else if age > OLDEST_AGE {
        "The date of birth lies too far back."
    } else if age < i64::from(rules.minimum_age) {
        let message = format!("{age} years old; the minimum is {}.", rules.minimum_age);
        findings.push(finding("under-age", Some("dob"), &message));
        return;
    } else {
        return;
    };
    findings.push(finding("age-unknown", Some("dob"), message));
}

fn countries(identity: &Identity, rules: &Rules, findings: &mut Vec<Finding>) {
    let listed: Vec<Country> = rules
        .review_countries
        .iter()
        .map(|country| Country::parse(country))
        .collect();
    for field in ["nationality", "country"] {
        let Some(text) = identity.text(field) else {
            continue;
        };
        if first_named(&text, &listed).is_some() {
            let message = format!("The {field} is “{text}”, which is to be reviewed.");
            findings.push(finding("review-country", Some(field), &message));
        }
    }
}

/// The fields that Core can tokenize, by their names in JSON and in the check's findings.
const TOKENIZABLE: [(&str, &str); 7] = [
    ("first_name", "first name"),
    ("last_name", "last name"),
    ("other_names", "other names"),
    ("email_address", "e-mail address"),
    ("phone_number", "phone number"),
    ("street", "street"),
    ("post_code", "post code"),
];

fn tokens(identity: &Identity, findings: &mut Vec<Finding>) {
    for (field, name) in TOKENIZABLE {
        if identity.is_tokenized(field) {
            let message = format!("The {name} is tokenized and was not judged.");
            findings.push(finding("tokenized", Some(field), &message));
        }
    }
}

fn finding(code: &'static str, field: Option<&'static str>, message: &str) -> Finding {
    Finding {
        code,
        field,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rules() -> Rules {
        Rules {
            review_countries: vec!["IR".to_owned(), "KP".to_owned()],
            minimum_age: 18,
        }
    }

    fn codes(change: &Value) -> Vec<(&'static str, Option<&'static str>)> {
        let mut fields = json!({
            "identity_id": "idt_1", "identity_type": "individual", "first_name": "Ada", "last_name": "Byron",
            "email_address": "ada@example.com", "dob": "1990-01-01", "nationality": "British", "country": "GB",
            "street": "1 Main St",
        });
        for (name, value) in change.as_object().unwrap() {
            fields[name] = value.clone();
        }
        let identity = Identity::parse(fields).unwrap();
        let today = Date::parse("2026-11-20").unwrap();
        let check = check(&identity, &rules(), today);
        assert_eq!(check.outcome == "clear", check.findings.is_empty());
        check.findings.iter().map(|f| (f.code, f.field)).collect()
    }

    #[test]
    fn a_complete_identity_is_clear() {
        assert_eq!(codes(&json!({})), []);
        let phone = json!({ "email_address": null, "phone_number": "+44 1" });
        assert_eq!(codes(&phone), []);
        let whole_name = json!({ "first_name": "", "last_name": null, "name": "Ada Byron" });
        assert_eq!(codes(&whole_name), []);
    }

    #[test]
    fn each_missing_field_is_found() {
        for (change, field) in [
            (json!({ "first_name": "" }), "first_name"),
            (json!({ "last_name": null }), "last_name"),
            (json!({ "nationality": " " }), "nationality"),
            (json!({ "email_address": "" }), "email"),
            (json!({ "street": "" }), "street"),
            (json!({ "country": "" }), "country"),
        ] {
            assert_eq!(codes(&change), [("missing-field", Some(field))]);
        }
    }

    #[test]
    fn the_minimum_age_counts_from_the_birthday() {
        let under = [("under-age", Some("dob"))];
        assert_eq!(codes(&json!({ "dob": "2008-11-20" })), []);
        assert_eq!(codes(&json!({ "dob": "2008-11-21" })), under);
        assert_eq!(codes(&json!({ "dob": "2008-11-21T00:00:00Z" })), under);
        assert_eq!(codes(&json!({ "dob": "2026-11-20" })), under);
    }

    #[test]
    fn an_age_that_cannot_be_known_is_said() {
        for dob in [
            json!(null),
            json!(""),
            json!("0001-01-01T00:00:00Z"),
            json!("soon"),
            json!(19_900_101),
            json!("2026-11-21"),
            json!("1890-01-01"),
        ] {
            assert_eq!(
                codes(&json!({ "dob": dob })),
                [("age-unknown", Some("dob"))],
                "{dob}"
            );
        }
    }

    #[test]
    fn listed_countries_are_found_by_code_and_name() {
        for text in [
            "IR",
            "ir",
            "IRN",
            "Iran",
            "Iranian",
            "Islamic Republic of Iran",
        ] {
            let change = json!({ "nationality": text });
            assert_eq!(
                codes(&change),
                [("review-country", Some("nationality"))],
                "{text}"
            );
        }
        let change = json!({ "country": "North Korea" });
        assert_eq!(codes(&change), [("review-country", Some("country"))]);
        assert_eq!(
            codes(&json!({ "country": "Ireland", "nationality": "Irish" })),
            []
        );
    }

    #[test]
    fn organizations_have_no_age_and_one_name() {
        let organization = json!({
            "identity_type": "organization", "organization_name": "Acme", "first_name": "", "last_name": "",
            "nationality": "", "dob": "0001-01-01T00:00:00Z",
        });
        assert_eq!(codes(&organization), []);
        let nameless = json!({ "identity_type": "organization", "dob": null });
        assert_eq!(
            codes(&nameless),
            [("missing-field", Some("organization_name"))]
        );
    }

    #[test]
    fn tokens_are_reported_and_not_judged() {
        let change = json!({
            "first_name": "", "last_name": "dG9rZW4=",
            "meta_data": { "tokenized_fields": { "LastName": true, "Street": false } },
        });
        assert_eq!(
            codes(&change),
            [
                ("missing-field", Some("first_name")),
                ("tokenized", Some("last_name"))
            ]
        );
    }
}
