//! JSON that a guest sends: an object, within size, without what only the host may say.
//!
//! Values are passed on as they were written ([`RawValue`]), so that amounts larger than any machine number survive.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::error::CloudError;
use super::outbound::Reference;

/// Largest body of one Cloud call in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// Lists and objects within each other in it: what reads it at the other end may go one step deeper for each (H21).
const MAX_DEPTH: usize = 64;

/// A JSON object of a guest.
#[derive(Debug, Default)]
pub(super) struct Object(BTreeMap<String, Box<RawValue>>);

impl Object {
    /// Parses an object. `instance_id` is the host's own and refused.
    pub(super) fn parse(text: &str) -> Result<Self, CloudError> {
        check_extent(text)?;
        let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text)
            .map_err(|error| CloudError::invalid(format!("a JSON object was expected: {error}")))?;
        // Core folds the case of names as Unicode does, where `ſ` is an `s`; every documented name is ASCII.
        if fields.keys().any(|name| !name.is_ascii()) {
            return Err(CloudError::invalid("a field's name is not ASCII"));
        }
        let object = Self(fields);
        for name in ["instance_id", "org_id"] {
            object.refuse(name, "reserved_parameter: it is the host's own")?;
        }
        Ok(object)
    }

    /// Refuses a field, whatever the case of its letters.
    pub(super) fn refuse(&self, name: &str, reason: &str) -> Result<(), CloudError> {
        if self.0.keys().any(|key| key.eq_ignore_ascii_case(name)) {
            return Err(CloudError::invalid(format!("`{name}`: {reason}")));
        }
        Ok(())
    }

    /// Whether a field is there and is neither null nor an empty text.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0
            .get(name)
            .is_some_and(|value| !matches!(value.get(), "null" | "\"\""))
    }

    /// A field that is a text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    /// Sets a field to a text.
    pub(super) fn set_text(&mut self, name: &str, text: &str) {
        if let Ok(value) = serde_json::value::to_raw_value(text) {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// Checks the top-level keys of `meta_data`, where it is there: only those that the package declares.
    pub(super) fn check_metadata(&self, declared: &BTreeSet<String>) -> Result<(), CloudError> {
        self.refuse_misspelled("meta_data")?;
        let Some(metadata) = self
            .0
            .get("meta_data")
            .filter(|value| value.get() != "null")
        else {
            return Ok(());
        };
        let keys: BTreeMap<String, &RawValue> = serde_json::from_str(metadata.get())
            .map_err(|_| CloudError::invalid("`meta_data` must be an object"))?;
        match keys.keys().find(|key| !declared.contains(*key)) {
            Some(key) => Err(undeclared(key)),
            None => Ok(()),
        }
    }

    /// Core matches names of fields without regard to case: only the documented spelling may pass.
    fn refuse_misspelled(&self, name: &str) -> Result<(), CloudError> {
        if self
            .0
            .keys()
            .any(|key| key != name && key.eq_ignore_ascii_case(name))
        {
            return Err(CloudError::invalid(format!(
                "`{name}` is spelled otherwise"
            )));
        }
        Ok(())
    }

    /// The objects in an array field, for checks on each.
    pub(super) fn items(&self, name: &str) -> Result<Vec<Self>, CloudError> {
        self.refuse_misspelled(name)?;
        let Some(list) = self.0.get(name) else {
            return Ok(Vec::new());
        };
        let items: Vec<&RawValue> = serde_json::from_str(list.get())
            .map_err(|_| CloudError::invalid(format!("`{name}` must be an array")))?;
        items
            .into_iter()
            .map(|item| Self::parse(item.get()))
            .collect()
    }

    /// Puts an array of objects back.
    pub(super) fn set_items(&mut self, name: &str, items: &[Self]) {
        let texts: Vec<String> = items.iter().map(Self::to_text).collect();
        if let Ok(value) = RawValue::from_string(format!("[{}]", texts.join(","))) {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// The object as text.
    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_else(|_| "{}".to_owned())
    }

    /// Gives a transaction a `reference` if it has none: the run's id and a hash of route and body, so that sending
    /// the very same again within one run can't post twice. Answers the reference, where it is a text.
    pub(super) fn ensure_reference(&mut self, run: &str, route: &str) -> Option<Reference> {
        if self.has("reference") {
            return self.text("reference").map(Reference::Guests);
        }
        let digest = Sha256::new()
            .chain_update(route)
            .chain_update([0])
            .chain_update(self.to_text())
            .finalize();
        let short = digest
            .iter()
            .take(12)
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let reference = format!("airlock-{run}-{short}");
        self.set_text("reference", &reference);
        Some(Reference::Hosts(reference))
    }
}

/// A key of metadata that the package may write.
pub(super) fn check_metadata_key(key: &str, declared: &BTreeSet<String>) -> Result<(), CloudError> {
    if declared.contains(key) {
        Ok(())
    } else {
        Err(undeclared(key))
    }
}

fn undeclared(key: &str) -> CloudError {
    let shown: String = key.chars().take(64).collect();
    CloudError::invalid(format!(
        "the package does not declare the metadata key {shown:?} in `metadata_keys`"
    ))
}

/// Checks the length and the depth of a JSON text.
fn check_extent(text: &str) -> Result<(), CloudError> {
    if text.len() > MAX_BODY {
        return Err(CloudError::invalid(format!(
            "the JSON is longer than {MAX_BODY} bytes"
        )));
    }
    if is_too_deep(text) {
        return Err(CloudError::invalid(format!(
            "the JSON is nested more than {MAX_DEPTH} deep"
        )));
    }
    Ok(())
}

/// Counts brackets outside of texts. Whether each is closed by its own kind is for the parser to say.
fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    text.bytes().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

/// A JSON text of any kind, as it was written.
pub(super) fn any(text: &str) -> Result<Box<RawValue>, CloudError> {
    check_extent(text)?;
    serde_json::from_str(text).map_err(|error| CloudError::invalid(format!("not JSON: {error}")))
}

/// The array of the Filters API.
pub(super) fn filters(text: &str) -> Result<String, CloudError> {
    check_extent(text)?;
    let filters: Vec<Object> = serde_json::from_str::<Vec<&RawValue>>(text)
        .map_err(|error| {
            CloudError::invalid(format!("filters must be an array of objects: {error}"))
        })?
        .into_iter()
        .map(|item| Object::parse(item.get()))
        .collect::<Result<_, _>>()?;
    if filters.len() > 20 {
        return Err(CloudError::invalid("more than 20 filters"));
    }
    let texts: Vec<String> = filters.iter().map(Object::to_text).collect();
    Ok(format!(r#"{{"filters":[{}]}}"#, texts.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_beyond_machine_numbers_are_passed_on_as_written() {
        let text = r#"{"precise_amount":123456789012345678901234567890}"#;
        assert_eq!(Object::parse(text).unwrap().to_text(), text);
    }

    #[test]
    fn h21_json_is_nested_at_most_64_deep_and_brackets_in_texts_do_not_count() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let field = |depth: usize| format!(r#"{{"a":{}}}"#, nested(depth));
        assert!(any(&nested(64)).is_ok());
        assert!(any(&nested(65)).is_err());
        assert!(Object::parse(&field(63)).is_ok());
        assert!(Object::parse(&field(64)).is_err());
        assert!(filters(&format!("[{}]", field(62))).is_ok());
        assert!(filters(&format!("[{}]", field(63))).is_err());
        let text = format!(r#"{{"a":"\"{}"}}"#, "[{".repeat(1000));
        assert!(Object::parse(&text).is_ok());
        // Side by side is not within each other.
        assert!(any(&format!("[{}1]", "[],".repeat(1000))).is_ok());
    }

    #[test]
    fn h34_the_instance_can_not_be_named_in_a_body() {
        for text in [
            r#"{"instance_id":"x"}"#,
            r#"{"Instance_ID":"x"}"#,
            r#"{"instance\u005fid":"x"}"#,
            r#"{"in\u017ftance_id":"x"}"#,
            r#"{"tran\u017factions":[]}"#,
            r#"{"\u212aey":"x"}"#,
        ] {
            assert!(
                matches!(Object::parse(text), Err(CloudError::InvalidRequest(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn only_declared_metadata_keys_pass_in_any_spelling() {
        let declared = BTreeSet::from(["kyc_app".to_owned()]);
        let check = |text: &str| Object::parse(text).unwrap().check_metadata(&declared);
        assert!(check(r#"{"meta_data":{"kyc_app":{}}}"#).is_ok());
        assert!(check(r#"{"meta_data":null}"#).is_ok());
        assert!(check(r#"{"meta_data":{"kyc_app":{},"tokenized_fields":{}}}"#).is_err());
        assert!(check(r#"{"Meta_Data":{"other":{}}}"#).is_err());
        assert!(check(r#"{"meta_data":[]}"#).is_err());
    }

    #[test]
    fn the_same_transaction_of_one_run_gets_the_same_reference() {
        let reference = |run: &str, text: &str| {
            let mut object = Object::parse(text).unwrap();
            object.ensure_reference(run, "transactions");
            object.to_text()
        };
        assert_eq!(
            reference("r1", r#"{"amount":1}"#),
            reference("r1", r#"{ "amount" : 1 }"#)
        );
        assert_ne!(
            reference("r1", r#"{"amount":1}"#),
            reference("r2", r#"{"amount":1}"#)
        );
        assert_ne!(
            reference("r1", r#"{"amount":1}"#),
            reference("r1", r#"{"amount":2}"#)
        );
        assert_eq!(
            reference("r1", r#"{"reference":"mine"}"#),
            r#"{"reference":"mine"}"#
        );
    }
}
