//! Lists of named secrets as an operator writes them: `k2:<base64>,k1:<base64>`, newest first.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::random_bytes;

/// Why a list of keys was refused. Names the position and the id, never a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyList {
    /// No key at all.
    #[error("holds no key")]
    Empty,
    /// An entry is not `<letter><number>:<base64>`; holds its position, from 1.
    #[error("entry {0} is not of the form `{1}1:<base64 of 32 bytes>`")]
    Form(usize, char),
    /// An entry does not decode to 32 bytes; holds its name.
    #[error("key {0} is not the base64 of 32 bytes")]
    Length(String),
    /// All bytes are equal or count up: a sample, not a key; holds its name.
    #[error("key {0} is a sample, not a random key")]
    Sample(String),
    /// Two entries share a name.
    #[error("key {0} is listed twice")]
    Twice(String),
}

/// Named secrets of 32 bytes, newest first: `k2:<base64>,k1:<base64>`.
pub struct SecretList(Vec<(u32, Zeroizing<[u8; 32]>)>);

impl SecretList {
    /// Parses a list whose names are `letter` and a number.
    pub fn parse(letter: char, text: &SecretString) -> Result<Self, InvalidKeyList> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the configured keys are read here, once"
        )]
        let text = text.expose_secret();
        let mut keys: Vec<(u32, Zeroizing<[u8; 32]>)> = Vec::new();
        for (index, entry) in text
            .split(',')
            .map(str::trim)
            .filter(|e| !e.is_empty())
            .enumerate()
        {
            let form = || InvalidKeyList::Form(index + 1, letter);
            let (name, encoded) = entry.split_once(':').ok_or_else(form)?;
            let number = name.strip_prefix(letter).ok_or_else(form)?;
            let id: u32 = number.parse().map_err(|_| form())?;
            let name = format!("{letter}{id}");
            let bytes = Zeroizing::new(
                STANDARD
                    .decode(encoded)
                    .map_err(|_| InvalidKeyList::Length(name.clone()))?,
            );
            let mut key = Zeroizing::new([0_u8; 32]);
            if bytes.len() != key.len() {
                return Err(InvalidKeyList::Length(name));
            }
            key.copy_from_slice(&bytes);
            if is_sample(&key) {
                return Err(InvalidKeyList::Sample(name));
            }
            if keys.iter().any(|(known, _)| *known == id) {
                return Err(InvalidKeyList::Twice(name));
            }
            keys.push((id, key));
        }
        if keys.is_empty() {
            return Err(InvalidKeyList::Empty);
        }
        Ok(Self(keys))
    }

    /// A fresh entry in the form that [`SecretList::parse`] takes, for example `k1:…`.
    pub fn generate(letter: char, id: u32) -> SecretString {
        let bytes = Zeroizing::new(random_bytes::<32>());
        let encoded = Zeroizing::new(STANDARD.encode(bytes.as_ref()));
        format!("{letter}{id}:{}", encoded.as_str()).into()
    }

    /// The names of the keys, newest first, such as `k2`.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(id, _)| *id)
    }

    /// Whether a key of this list is also one of the other: two purposes must not share a secret.
    pub fn shares_a_key_with(&self, other: &Self) -> bool {
        self.0.iter().any(|(_, key)| other.contains(key.as_ref()))
    }

    /// Whether a secret used as it is, such as `SESSION_SECRET`, is one of these keys: its bytes, or its base64.
    pub fn is_one_of(&self, secret: &SecretString) -> bool {
        #[expect(
            clippy::disallowed_methods,
            reason = "a secret for sessions must not be a master key"
        )]
        let text = secret.expose_secret().trim();
        let encoded = text.split_once(':').map_or(text, |(_, encoded)| encoded);
        let decoded = STANDARD.decode(encoded).map(Zeroizing::new);
        self.contains(text.as_bytes()) || decoded.is_ok_and(|bytes| self.contains(&bytes))
    }

    fn contains(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|(_, key)| key.ct_eq(bytes).into())
    }

    pub(super) fn into_keys(self) -> Vec<(u32, Zeroizing<[u8; 32]>)> {
        self.0
    }
}

impl fmt::Debug for SecretList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretList({} keys, [redacted])", self.0.len())
    }
}

/// What people paste from a page instead of making a key: text, few different bytes, bytes at equal steps, or a short
/// pattern that repeats. Of random keys fewer than one in 10^12 looks so.
fn is_sample(key: &[u8; 32]) -> bool {
    let distinct = key.iter().collect::<BTreeSet<_>>().len();
    let steps = key.windows(2).map(|pair| match pair {
        [a, b] => b.wrapping_sub(*a),
        _ => 0,
    });
    let mut steps = steps.collect::<Vec<_>>();
    steps.dedup();
    distinct < 16
        || steps.len() == 1
        || repeats(key)
        || key.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// Whether the bytes are a pattern of at most half their length, over and over.
pub(super) fn repeats(bytes: &[u8]) -> bool {
    (1..=bytes.len() / 2).any(|period| {
        bytes
            .iter()
            .zip(bytes.iter().skip(period))
            .all(|(a, b)| a == b)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(), InvalidKeyList> {
        SecretList::parse('k', &text.to_owned().into()).map(|_| ())
    }

    #[test]
    fn k7_missing_short_and_sample_keys_are_refused_by_name() {
        assert_eq!(parse(""), Err(InvalidKeyList::Empty));
        assert_eq!(parse("hello"), Err(InvalidKeyList::Form(1, 'k')));
        assert_eq!(parse("s1:AAAA"), Err(InvalidKeyList::Form(1, 'k')));
        assert_eq!(parse("k1:AAAA"), Err(InvalidKeyList::Length("k1".into())));
        let counting: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let threes: [u8; 32] = std::array::from_fn(|i| u8::try_from(i * 3).unwrap());
        let halves: [u8; 32] = std::array::from_fn(|i| u8::try_from(i % 16 * 7 + i % 2).unwrap());
        for sample in [
            [0_u8; 32],
            [0xff; 32],
            counting,
            threes,
            halves,
            *b"0123456789abcdef0123456789abcdef",
            *b"change-me-to-a-secret-of-32-byte",
        ] {
            let sample = STANDARD.encode(sample);
            assert_eq!(
                parse(&format!("k3:{sample}")),
                Err(InvalidKeyList::Sample("k3".into()))
            );
        }
        #[expect(clippy::disallowed_methods, reason = "a test key")]
        let key = SecretList::generate('k', 1).expose_secret().to_owned();
        assert_eq!(
            parse(&format!("{key},{key}")),
            Err(InvalidKeyList::Twice("k1".into()))
        );
    }

    #[test]
    fn ten_thousand_generated_keys_are_no_samples() {
        for id in 0..10_000 {
            assert!(SecretList::parse('k', &SecretList::generate('k', id)).is_ok());
        }
    }

    #[test]
    fn k7_a_key_with_two_purposes_is_found_in_every_spelling() {
        let key = SecretList::generate('k', 1);
        let list = SecretList::parse('k', &key).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test key")]
        let text = key.expose_secret().to_owned();
        let encoded = text.strip_prefix("k1:").unwrap();
        let sessions = SecretList::parse('s', &format!("s4:{encoded}").into()).unwrap();
        assert!(list.shares_a_key_with(&sessions));
        assert!(list.is_one_of(&encoded.into()) && list.is_one_of(&text.as_str().into()));
        let other = SecretList::generate('s', 1);
        assert!(!list.shares_a_key_with(&SecretList::parse('s', &other).unwrap()));
        assert!(!list.is_one_of(&other));
    }
}
