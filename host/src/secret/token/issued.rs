//! What a signer gives out: a launch token, or a session's name with its cookie.

use std::fmt;

use zeroize::Zeroizing;

use crate::model::UnixMillis;

/// A signed launch token. It may stand in the portal's address; it is not printed elsewhere.
pub struct LaunchToken(pub(super) String);

impl LaunchToken {
    /// The token as it goes into the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LaunchToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LaunchToken([redacted])")
    }
}

/// The name of a session in addresses: 10 characters of base64url. It opens nothing without the cookie.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// Characters of it.
    pub(super) const LENGTH: usize = 10;

    /// Takes 10 characters of base64url.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = text.len() == Self::LENGTH
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        sound.then(|| Self(text.to_owned()))
    }

    /// The name of the session whose token has this id: its beginning.
    pub(super) fn of(jti: &str) -> Self {
        Self(jti.chars().take(Self::LENGTH).collect())
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

/// A session just made, with the cookie's value.
pub struct IssuedSession {
    pub(super) sid: SessionId,
    pub(super) cookie: Zeroizing<String>,
    pub(super) expires: UnixMillis,
}

impl IssuedSession {
    /// The session's name.
    pub fn sid(&self) -> &SessionId {
        &self.sid
    }

    /// The cookie's value: the secret itself, for the `Set-Cookie` header only.
    pub fn cookie_value(&self) -> &str {
        &self.cookie
    }

    /// When the session ends.
    pub fn expires(&self) -> UnixMillis {
        self.expires
    }
}

impl fmt::Debug for IssuedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuedSession({}, [redacted])", self.sid)
    }
}
