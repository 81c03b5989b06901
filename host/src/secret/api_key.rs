//! The API key of an install, in plain. It lives from the install event until it is sealed, and from opening
//! until the bearer header is written; it has no other way out.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Longest API key in bytes.
const MAX_API_KEY: usize = 512;

/// Why a text is not an API key. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidApiKey {
    /// Nothing was given.
    #[error("is empty")]
    Empty,
    /// Longer than any real key.
    #[error("is longer than {MAX_API_KEY} bytes")]
    TooLong,
    /// A character that can not stand in a header.
    #[error("has a character that is not visible ASCII")]
    Alphabet,
}

/// A plain API key: not cloned, not printed, not serialized, wiped on drop.
///
/// ```compile_fail
/// # use airlock_host::secret::ApiKey;
/// let key = ApiKey::parse("blnk_secret".to_owned().into()).unwrap();
/// let copy = key.clone();
/// ```
///
/// ```
/// # use airlock_host::secret::ApiKey;
/// let key = ApiKey::parse("blnk_secret".to_owned().into()).unwrap();
/// assert_eq!(format!("{key:?}"), "ApiKey([redacted])");
/// ```
pub struct ApiKey(SecretString);

impl ApiKey {
    /// Takes a key of 1 to 512 visible ASCII characters.
    pub fn parse(text: SecretString) -> Result<Self, InvalidApiKey> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the alphabet is checked on the plain text"
        )]
        let plain = text.expose_secret();
        if plain.is_empty() {
            return Err(InvalidApiKey::Empty);
        }
        if plain.len() > MAX_API_KEY {
            return Err(InvalidApiKey::TooLong);
        }
        if !plain.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidApiKey::Alphabet);
        }
        Ok(Self(text))
    }

    /// The bytes to seal or to fingerprint. Only for this floor.
    pub(super) fn plain(&self) -> &[u8] {
        #[expect(
            clippy::disallowed_methods,
            reason = "sealing and fingerprinting need the plain key"
        )]
        self.0.expose_secret().as_bytes()
    }

    /// The value of the `Authorization` header, marked as sensitive so that no client prints it.
    ///
    /// This is the one exit of a plain key; `cloud::transport` is the one caller.
    pub fn bearer(&self) -> reqwest::header::HeaderValue {
        #[expect(
            clippy::disallowed_methods,
            reason = "the bearer header is what the key is for"
        )]
        let text = zeroize::Zeroizing::new(format!("Bearer {}", self.0.expose_secret()));
        // Visible ASCII is always a sound header value; an empty one is refused by Cloud like a wrong key.
        let mut value = reqwest::header::HeaderValue::from_str(&text)
            .unwrap_or_else(|_| reqwest::header::HeaderValue::from_static("Bearer"));
        value.set_sensitive(true);
        value
    }

    /// Whether `bytes` contain this key: a reply that echoes it must not reach a guest.
    pub fn is_echoed_in(&self, bytes: &[u8]) -> bool {
        let key = self.plain();
        // Shorter keys than this are no secret, and would match anything.
        key.len() >= 8 && bytes.windows(key.len()).any(|window| window == key)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i27_empty_long_and_unprintable_keys_are_refused() {
        let parse = |text: &str| ApiKey::parse(text.to_owned().into()).map(|_| ());
        assert_eq!(parse(""), Err(InvalidApiKey::Empty));
        assert_eq!(parse(&"a".repeat(513)), Err(InvalidApiKey::TooLong));
        for text in ["a\r\nb", "a b", "ä", "a\0"] {
            assert_eq!(parse(text), Err(InvalidApiKey::Alphabet));
        }
        assert_eq!(parse("blnk_abc.DEF-1"), Ok(()));
    }

    #[test]
    fn a_key_shows_itself_nowhere_but_in_the_bearer_header() {
        let key = ApiKey::parse("blnk_canary_key".to_owned().into()).unwrap();
        assert!(!format!("{key:?} {key:#?}").contains("canary"));
        assert!(!format!("{:?}", key.bearer()).contains("canary"));
        assert_eq!(key.bearer().to_str().unwrap(), "Bearer blnk_canary_key");
    }

    #[test]
    fn an_echoed_key_is_found_in_a_reply() {
        let key = ApiKey::parse("blnk_canary_key".to_owned().into()).unwrap();
        assert!(key.is_echoed_in(b"{\"you\":\"blnk_canary_key\"}"));
        assert!(!key.is_echoed_in(b"{\"you\":\"blnk_canary_kex\"}"));
    }
}
