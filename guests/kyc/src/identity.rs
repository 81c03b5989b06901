//! An identity as the ledger has it, read leniently: any field may be missing, null, a number or under another name.

use airlock_guest::{CloudError, Collection, Host, Problem};
use serde_json::{Map, Value};

use crate::case::Decision;
use crate::date::Date;

/// The one top-level metadata key that this app writes.
pub(crate) const METADATA_KEY: &str = "kyc_app";

/// An identity whose id is known; nothing else is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    id: String,
    fields: Map<String, Value>,
}

/// Whom an identity stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Individual,
    Organization,
    Other,
}

/// What the metadata says of an identity's review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Decided(Decision),
}

impl Identity {
    /// Reads one object of Cloud's; none without an id.
    pub(crate) fn parse(value: Value) -> Option<Self> {
        let Value::Object(fields) = value else {
            return None;
        };
        let id = text(fields.get("identity_id")).or_else(|| text(fields.get("id")))?;
        Some(Self { id, fields })
    }

    /// The identity of this id: 404 where there is none.
    ///
    /// Cloud's detail is known to fail at times while its list works, so the list is asked next.
    pub(crate) fn fetch(host: &impl Host, id: &str) -> Result<Self, Problem> {
        let missing = || Problem::not_found("There is no identity with this id.");
        if !is_id(id) {
            return Err(missing());
        }
        match host.data().get::<Value>(&Collection::Identities, id) {
            Ok(value) => Self::parse(value).ok_or_else(missing),
            Err(CloudError::NotFound) => Err(missing()),
            Err(error @ (CloudError::Unavailable(_) | CloudError::Other(_))) => {
                Self::fetch_from_list(host, id).ok_or_else(|| error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn fetch_from_list(host: &impl Host, id: &str) -> Option<Self> {
        let filters = [("identity_id_eq", id)];
        let listing = host
            .data()
            .list::<Value>(&Collection::Identities, &filters, None)
            .ok()?;
        // An instance that ignores the filter lists others too.
        listing
            .data
            .into_iter()
            .filter_map(Self::parse)
            .find(|identity| identity.id == id)
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// A field as text, none where it is missing or empty.
    pub(crate) fn text(&self, field: &str) -> Option<String> {
        text(self.fields.get(field))
    }

    pub(crate) fn email(&self) -> Option<String> {
        self.text("email_address").or_else(|| self.text("email"))
    }

    pub(crate) fn phone(&self) -> Option<String> {
        self.text("phone_number").or_else(|| self.text("phone"))
    }

    /// The date of birth, none where it is unset or no date.
    pub(crate) fn birthday(&self) -> Option<Date> {
        Date::parse(&self.text("dob")?).filter(|date| !date.is_zero())
    }

    /// The date of birth for people: the day alone, or what is stored where that is no date; none where it is unset.
    pub(crate) fn birthday_text(&self) -> Option<String> {
        let stored = self.text("dob")?;
        match Date::parse(&stored) {
            Some(date) if date.is_zero() => None,
            Some(date) => Some(date.to_text()),
            None => Some(stored),
        }
    }

    pub(crate) fn created_at(&self) -> Option<String> {
        self.text("created_at")
            .filter(|time| !Date::parse(time).is_some_and(Date::is_zero))
    }

    /// A name for people, never empty: tokens are left out, and an identity without any name is called by its id.
    pub(crate) fn name(&self) -> String {
        let person = ["first_name", "last_name"]
            .iter()
            .filter(|field| !self.is_tokenized(field))
            .filter_map(|field| self.text(field))
            .collect::<Vec<_>>()
            .join(" ");
        let person = Some(person).filter(|name| !name.is_empty());
        let organization = self.text("organization_name");
        let named = match self.kind() {
            Kind::Organization => organization.or(person),
            Kind::Individual | Kind::Other => person.or(organization),
        };
        named
            .or_else(|| self.text("name"))
            .unwrap_or_else(|| self.id.clone())
    }

    /// The kind by the type, else the category, else by which names there are. All three are free text in practice.
    pub(crate) fn kind(&self) -> Kind {
        ["identity_type", "category"]
            .iter()
            .filter_map(|field| self.text(field))
            .find_map(|word| match word.to_lowercase().as_str() {
                "individual" | "person" => Some(Kind::Individual),
                "organization" | "organisation" | "business" | "company" => {
                    Some(Kind::Organization)
                }
                _ => None,
            })
            .unwrap_or_else(|| {
                let person = self.text("first_name").or_else(|| self.text("last_name"));
                match (person, self.text("organization_name")) {
                    (None, Some(_)) => Kind::Organization,
                    (Some(_), None) => Kind::Individual,
                    _ => Kind::Other,
                }
            })
    }

    /// The fields that hold tokens instead of values, by Core's names such as `FirstName`, sorted.
    pub(crate) fn tokenized(&self) -> Vec<String> {
        let mut fields: Vec<String> = match self.metadata("tokenized_fields") {
            Some(Value::Array(fields)) => fields.iter().filter_map(|f| text(Some(f))).collect(),
            Some(Value::Object(fields)) => fields
                .iter()
                .filter(|(_, flag)| !matches!(flag, Value::Bool(false) | Value::Null))
                .map(|(name, _)| name.clone())
                .collect(),
            _ => Vec::new(),
        };
        fields.sort();
        fields.dedup();
        fields
    }

    /// Whether a field, by its name in JSON, holds a token. Core's names are compared without case and underscores.
    pub(crate) fn is_tokenized(&self, field: &str) -> bool {
        let plain = field.replace('_', "");
        self.tokenized()
            .iter()
            .any(|name| name.replace('_', "").eq_ignore_ascii_case(&plain))
    }

    /// This app's metadata object.
    pub(crate) fn review(&self) -> Option<&Value> {
        self.metadata(METADATA_KEY)
    }

    /// Takes over what was just written, so that it need not be read again.
    pub(crate) fn set_review(&mut self, review: Value) {
        let metadata = self
            .fields
            .entry("meta_data")
            .or_insert_with(|| Value::Object(Map::new()));
        if !metadata.is_object() {
            *metadata = Value::Object(Map::new());
        }
        if let Value::Object(metadata) = metadata {
            metadata.insert(METADATA_KEY.to_owned(), review);
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.review()
            .and_then(|review| review.get("status")?.as_str())
            .and_then(Decision::parse)
            .map_or(Status::Pending, Status::Decided)
    }

    fn metadata(&self, key: &str) -> Option<&Value> {
        self.fields.get("meta_data")?.get(key)
    }
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Individual => "individual",
            Self::Organization => "organization",
            Self::Other => "other",
        }
    }
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Decided(decision) => decision.as_str(),
        }
    }
}

/// Whether the host would take this as an id. Anything else can't exist, so it need not be asked for.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => {
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        }
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn identity(mut fields: Value) -> Identity {
        fields["identity_id"] = "idt_1".into();
        Identity::parse(fields).unwrap()
    }

    #[test]
    fn only_the_id_is_needed() {
        let bare = identity(json!({}));
        assert_eq!(bare.name(), "idt_1");
        assert_eq!(bare.kind(), Kind::Other);
        assert_eq!(bare.status(), Status::Pending);
        assert!(bare.tokenized().is_empty());
        assert!(Identity::parse(json!({ "first_name": "Ada" })).is_none());
        assert!(Identity::parse(json!([])).is_none());
    }

    #[test]
    fn odd_values_are_read_or_left_out() {
        let odd = identity(json!({
            "first_name": null, "last_name": 7, "email": "a@b.c", "phone_number": 49.5, "meta_data": [],
            "dob": "0001-01-01T00:00:00Z", "created_at": "0001-01-01T00:00:00Z", "city": "  ", "state": {},
        }));
        assert_eq!(odd.name(), "7");
        assert_eq!(odd.email().as_deref(), Some("a@b.c"));
        assert_eq!(odd.phone().as_deref(), Some("49.5"));
        assert_eq!(odd.birthday(), None);
        assert_eq!(odd.birthday_text(), None);
        assert_eq!(odd.created_at(), None);
        assert_eq!(odd.text("city"), None);
        assert_eq!(odd.text("state"), None);
    }

    #[test]
    fn names_come_from_wherever_they_are() {
        let name = |fields| identity(fields).name();
        assert_eq!(
            name(json!({ "first_name": "Ada", "last_name": "Byron" })),
            "Ada Byron"
        );
        assert_eq!(name(json!({ "name": "Ada Byron" })), "Ada Byron");
        assert_eq!(
            name(
                json!({ "identity_type": "organization", "organization_name": "Acme", "last_name": "X" })
            ),
            "Acme"
        );
        assert_eq!(
            name(
                json!({ "first_name": "tok:1", "last_name": "Byron", "meta_data": { "tokenized_fields": ["FirstName"] } })
            ),
            "Byron"
        );
    }

    #[test]
    fn the_kind_is_read_from_type_category_or_names() {
        let kind = |fields| identity(fields).kind();
        assert_eq!(
            kind(json!({ "identity_type": "Individual" })),
            Kind::Individual
        );
        assert_eq!(
            kind(json!({ "identity_type": "customer", "category": "individual" })),
            Kind::Individual
        );
        assert_eq!(
            kind(json!({ "organization_name": "Acme" })),
            Kind::Organization
        );
        assert_eq!(
            kind(json!({ "identity_type": "trust", "first_name": "A", "organization_name": "B" })),
            Kind::Other
        );
    }

    #[test]
    fn tokens_are_found_in_both_shapes() {
        let list = identity(
            json!({ "meta_data": { "tokenized_fields": ["LastName", "EmailAddress", "LastName"] } }),
        );
        assert_eq!(list.tokenized(), ["EmailAddress", "LastName"]);
        let map = identity(
            json!({ "meta_data": { "tokenized_fields": { "FirstName": true, "Street": false } } }),
        );
        assert_eq!(map.tokenized(), ["FirstName"]);
        assert!(map.is_tokenized("first_name"));
        assert!(!map.is_tokenized("street"));
    }

    #[test]
    fn a_review_is_set_whatever_the_metadata_was() {
        for before in [json!(null), json!([]), json!({ "other": 1 })] {
            let mut identity = identity(json!({ "meta_data": before }));
            identity.set_review(json!({ "status": "approved" }));
            assert_eq!(identity.status(), Status::Decided(Decision::Approved));
        }
    }

    #[test]
    fn ids_that_cannot_exist_are_not_asked_for() {
        assert!(is_id("idt_3b63c8da-af29"));
        for id in ["", "../x", "a b", "a/b", "é", &"x".repeat(129)] {
            assert!(!is_id(id), "{id}");
        }
    }
}
