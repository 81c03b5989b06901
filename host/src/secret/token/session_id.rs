//! What a session is called where it may be seen.

use std::fmt;

/// Characters of a session's name in addresses.
pub(super) const SESSION_ID: usize = 10;

/// The name of a session in addresses: 10 characters of base64url. It opens nothing without the cookie.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// The first characters of a session's random name.
    pub(super) fn of(jti: &str) -> Self {
        Self(jti.chars().take(SESSION_ID).collect())
    }

    /// Takes 10 characters of base64url.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = text.len() == SESSION_ID
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        sound.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
