//! What is masked in a guest's words before they reach the log: values whose names say that they are secret or personal,
//! and whatever looks like an API key of Blnk. Other text is the app's own to keep clean.

use std::borrow::Cow;

/// What stands in the place of what is masked.
const MASK: &str = "[masked]";
/// How every API key of Blnk begins.
const KEY_BEGINS: &str = "blnk_";
/// Fewer characters than this after the beginning are no key, but perhaps the part of one that may be shown.
const SHORTEST_KEY: usize = 12;

/// Names are compared without case and punctuation. A secret's name may have anything around it.
const SECRET: [&str; 11] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "token",
    "apikey",
    "privatekey",
    "authorization",
    "credential",
    "cookie",
    "signature",
];

/// Names of personal values: those of an identity in Blnk, and the usual ones beside them.
const PERSONAL: [&str; 33] = [
    "accountnumber",
    "address",
    "birthdate",
    "cardnumber",
    "cvv",
    "dateofbirth",
    "dob",
    "documentnumber",
    "email",
    "emailaddress",
    "familyname",
    "firstname",
    "fullname",
    "gender",
    "givenname",
    "iban",
    "idnumber",
    "ip",
    "ipaddress",
    "lastname",
    "middlename",
    "mobile",
    "name",
    "nationalid",
    "othernames",
    "pan",
    "passport",
    "phone",
    "phonenumber",
    "postcode",
    "ssn",
    "street",
    "taxid",
];

/// The value of a field as it may be logged.
pub(super) fn value<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|character| character.to_ascii_lowercase())
        .collect();
    let secret = SECRET.iter().any(|secret| name.contains(secret));
    if secret || PERSONAL.binary_search(&name.as_str()).is_ok() {
        return Cow::Borrowed(MASK);
    }
    text(value)
}

/// The beginning of a text, of at most `most` bytes. It ends before a key that it would cut so short that it were shown.
pub(super) fn head(text: &str, most: usize) -> &str {
    let (head, rest) = text.split_at(text.floor_char_boundary(most));
    if rest.is_empty() {
        return head;
    }
    match head.rsplit_once(KEY_BEGINS) {
        Some((before, key)) if key.len() < SHORTEST_KEY => before,
        _ => head,
    }
}

/// A text with every API key in it masked.
pub(in crate::runtime) fn text(text: &str) -> Cow<'_, str> {
    if !text.contains(KEY_BEGINS) {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(KEY_BEGINS) {
        masked.push_str(before);
        masked.push_str(KEY_BEGINS);
        let end = after
            .find(|character: char| {
                !character.is_ascii_alphanumeric() && !"_-.".contains(character)
            })
            .unwrap_or(after.len());
        let (key, left) = after.split_at(end);
        masked.push_str(if key.len() >= SHORTEST_KEY { MASK } else { key });
        rest = left;
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_secret_or_personal_names_are_masked_in_every_spelling() {
        for name in [
            "api_key",
            "Authorization",
            "X-Api-Key",
            "access token",
            "clientSecret",
            "first_name",
            "firstName",
            "EMAIL_ADDRESS",
            "dob",
            "phone-number",
            "name",
        ] {
            assert_eq!(value(name, "x"), MASK, "{name}");
        }
        for name in [
            "case",
            "filename",
            "identity_id",
            "status",
            "country",
            "count",
        ] {
            assert_eq!(value(name, "x"), "x", "{name}");
        }
        assert!(PERSONAL.is_sorted());
    }

    #[test]
    fn the_beginning_of_a_text_holds_no_part_of_a_key_that_is_not_known_as_one() {
        let text = "aä blnk_live_0123456789abcdef";
        assert_eq!(head(text, 100), text);
        assert_eq!(head(text, 2), "a");
        for most in 9..21 {
            assert_eq!(head(text, most), "aä ", "{most}");
        }
        assert_eq!(head(text, 21), "aä blnk_live_0123456");
    }

    #[test]
    fn what_looks_like_a_key_is_masked_in_any_text() {
        let key = "blnk_live_0123456789abcdef";
        assert_eq!(
            text(&format!("got \"{key}\", and {key}")),
            "got \"blnk_[masked]\", and blnk_[masked]"
        );
        assert_eq!(value("note", key), "blnk_[masked]");
        assert_eq!(
            text("blnk_abc is the beginning"),
            "blnk_abc is the beginning"
        );
        assert_eq!(text("nothing"), "nothing");
        assert_eq!(text("blnk_blnk_blnk_blnk_ä"), "blnk_[masked]ä");
    }
}
