//! Identities, parsed once at the edge.
//!
//! What Cloud sends is opaque: 1 to 128 visible ASCII characters without space, quote, slash or backslash, with no
//! prefix check. What a guest names as a resource is stricter ([`ResourceId`]), because it becomes part of a path.
//! Clones share the text: every call hands some of them around.

use std::fmt;
use std::sync::Arc;

/// Longest opaque id in bytes.
const MAX_ID: usize = 128;
/// Longest event key in bytes: a prefix such as `uninstall:` beside an id.
const MAX_EVENT_KEY: usize = 256;
/// Longest app slug in bytes: it is a folder's name, a part of addresses and of variables.
const MAX_SLUG: usize = 32;

/// Why a text is not an identity. Never repeats the text, which may be hostile or secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// Nothing was given.
    #[error("is empty")]
    Empty,
    /// Longer than allowed; holds the limit in bytes.
    #[error("is longer than {0} bytes")]
    TooLong(usize),
    /// A character outside the alphabet; holds its byte position.
    #[error("has a character that is not allowed, at byte {0}")]
    Alphabet(usize),
    /// A slug that starts or ends wrongly, or has two hyphens in a row.
    #[error("must start with a letter, end with a letter or digit, and have no \"--\"")]
    Shape,
}

fn check(text: &str, max: usize, allowed: impl Fn(u8) -> bool) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty);
    }
    if text.len() > max {
        return Err(InvalidId::TooLong(max));
    }
    match text.bytes().position(|byte| !allowed(byte)) {
        Some(position) => Err(InvalidId::Alphabet(position)),
        None => Ok(()),
    }
}

/// Visible ASCII without space, quotes, slash and backslash.
fn opaque(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'/' | b'\\')
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident, $max:expr, $alphabet:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text if its length and alphabet are right.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                check(&text, $max, $alphabet)?;
                Ok(Self(text.into()))
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

identity!(
    /// One installation of one app (`installed_app_id`).
    InstallId, MAX_ID, opaque
);
identity!(
    /// The app as registered in Cloud (`app_id`).
    AppId, MAX_ID, opaque
);
identity!(
    /// The ledger instance that an install is bound to (`instance_id`).
    InstanceId, MAX_ID, opaque
);
identity!(
    /// The workspace (`organization_id`), where Cloud tells it.
    OrganizationId, MAX_ID, opaque
);
identity!(
    /// The launching user (`user_id`), where Cloud tells it.
    UserId, MAX_ID, opaque
);
identity!(
    /// The key of an event (`idempotency_key`), at most 256 bytes.
    EventKey, MAX_EVENT_KEY, opaque
);
identity!(
    /// A resource that a guest names in a Cloud call: `[A-Za-z0-9_-]{1,128}`, so it can't leave its place in a path.
    ResourceId, MAX_ID, plain
);

/// An app's short name: its folder in `plugins/`, `[a-z]([a-z0-9-]{0,30}[a-z0-9])?` without `--`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(Arc<str>);

impl Slug {
    /// Takes the text if it can be a slug.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        check(&text, MAX_SLUG, |byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
        })?;
        let starts = text.starts_with(|first: char| first.is_ascii_lowercase());
        if !starts || text.ends_with('-') || text.contains("--") {
            return Err(InvalidId::Shape);
        }
        Ok(Self(text.into()))
    }

    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slug({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_ids_take_what_cloud_may_send() {
        for text in [
            "instapp_1",
            "instance_01ABC-9",
            "a",
            "x:y@z.~!$&()*+,;=%[]{}|^<>?#",
        ] {
            assert_eq!(InstallId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn opaque_ids_refuse_spaces_quotes_slashes_and_control_characters() {
        for text in [
            "", " a", "a b", "a\"b", "a'b", "a`b", "a/b", "a\\b", "a\0b", "a\nb", "ä",
        ] {
            assert!(AppId::parse(text).is_err(), "{text:?} passed");
        }
        assert_eq!(AppId::parse("a".repeat(129)), Err(InvalidId::TooLong(128)));
        assert!(AppId::parse("a".repeat(128)).is_ok());
    }

    #[test]
    fn a_resource_id_can_not_hold_path_syntax() {
        for text in ["..", "a.b", "a%2e", "a/b", "a?b", "a#b", "a:b", ""] {
            assert!(ResourceId::parse(text).is_err(), "{text:?} passed");
        }
        assert!(ResourceId::parse("idt_3b63c8da-af29").is_ok());
    }

    #[test]
    fn slugs_are_short_lower_case_folder_names() {
        for text in ["kyc", "a", "balance-watch", "a1", "a-1"] {
            assert!(Slug::parse(text).is_ok(), "{text:?} refused");
        }
        for text in [
            "",
            "1a",
            "-a",
            "a-",
            "a--b",
            "Kyc",
            "a_b",
            "a.b",
            "../a",
            &"a".repeat(33),
        ] {
            assert!(Slug::parse(text).is_err(), "{text:?} passed");
        }
    }
}
