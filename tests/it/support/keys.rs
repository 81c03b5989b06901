//! Secrets for hosts under test.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a host is started with.
#[derive(Clone)]
pub(crate) struct HostKeys {
    pub(crate) master: String,
    pub(crate) session: String,
}

impl HostKeys {
    pub(crate) fn new() -> Self {
        Self {
            master: generated('k'),
            session: generated('s'),
        }
    }
}

/// A fresh secret in the form of `airlock keys generate`, such as `k1:…`.
pub(crate) fn generated(letter: char) -> String {
    format!("{letter}1:{}", STANDARD.encode(random::<32>()))
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "keys of a test")]
    getrandom::fill(&mut bytes).expect("random bytes");
    bytes
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
    bytes.into_iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String");
        text
    })
}
