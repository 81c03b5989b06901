//! The keyring: master keys, newest first. The first one seals, all of them open.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::api_key::ApiKey;
use super::purpose::{Purpose, derive};
use super::random_bytes;
use super::sealed::{self, CanNotOpen, KeyOwner, SealedBlob};

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
            let key: [u8; 32] = bytes
                .as_slice()
                .try_into()
                .map_err(|_| InvalidKeyList::Length(name.clone()))?;
            if is_sample(&key) {
                return Err(InvalidKeyList::Sample(name));
            }
            if keys.iter().any(|(known, _)| *known == id) {
                return Err(InvalidKeyList::Twice(name));
            }
            keys.push((id, Zeroizing::new(key)));
        }
        if keys.is_empty() {
            return Err(InvalidKeyList::Empty);
        }
        Ok(Self(keys))
    }

    /// A fresh entry in the form that [`SecretList::parse`] takes, for example `k1:…`.
    pub fn generate(letter: char, id: u32) -> SecretString {
        let mut bytes = random_bytes::<32>();
        let text = format!("{letter}{id}:{}", STANDARD.encode(bytes));
        bytes.zeroize();
        text.into()
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

/// All bytes equal, or each one more than the last: what people paste from a page.
fn is_sample(key: &[u8; 32]) -> bool {
    key.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
        || key
            .windows(2)
            .all(|pair| matches!(pair, [a, b] if a.wrapping_add(1) == *b))
}

struct MasterKey {
    id: u32,
    encryption: Zeroizing<[u8; 32]>,
    fingerprint: Zeroizing<[u8; 32]>,
}

/// The key of one install's records, wrapped by a master key while stored.
pub struct DataKey(Zeroizing<[u8; 32]>);

/// Seals and opens, with the newest master key first.
pub struct Keyring {
    newest: MasterKey,
    older: Vec<MasterKey>,
}

impl Keyring {
    /// Derives the purpose keys of every master key and drops the roots.
    pub fn new(roots: SecretList) -> Result<Self, InvalidKeyList> {
        let mut keys = roots.into_keys().into_iter().map(|(id, root)| MasterKey {
            id,
            encryption: derive(&root, Purpose::Encryption),
            fingerprint: derive(&root, Purpose::Fingerprint),
        });
        let newest = keys.next().ok_or(InvalidKeyList::Empty)?;
        Ok(Self {
            newest,
            older: keys.collect(),
        })
    }

    fn find(&self, id: u32) -> Option<&MasterKey> {
        std::iter::once(&self.newest)
            .chain(&self.older)
            .find(|key| key.id == id)
    }

    /// Seals an API key to the row that owns it.
    pub fn seal(&self, owner: &KeyOwner<'_>, key: &ApiKey) -> SealedBlob {
        self.seal_fields(&owner.fields(), key.plain())
    }

    /// Opens an API key for the row that owns it.
    pub fn open(&self, owner: &KeyOwner<'_>, blob: &SealedBlob) -> Result<ApiKey, CanNotOpen> {
        let plain = self.open_fields(&owner.fields(), blob)?;
        let text = std::str::from_utf8(&plain).map_err(|_| CanNotOpen)?;
        ApiKey::parse(text.to_owned().into()).map_err(|_| CanNotOpen)
    }

    /// Seals any other value under a list of fields that name its place, outermost first (table, column, row …).
    pub fn seal_value(&self, place: &[&str], plain: &[u8]) -> SealedBlob {
        self.seal_fields(&owned(place), plain)
    }

    /// Opens what [`Keyring::seal_value`] sealed at the same place.
    pub fn open_value(
        &self,
        place: &[&str],
        blob: &SealedBlob,
    ) -> Result<Zeroizing<Vec<u8>>, CanNotOpen> {
        self.open_fields(&owned(place), blob)
    }

    /// Makes a data key and its wrapped form for the given place.
    pub fn make_data_key(&self, place: &[&str]) -> (DataKey, SealedBlob) {
        let key = Zeroizing::new(random_bytes::<32>());
        let wrapped = self.seal_value(place, key.as_ref());
        (DataKey(key), wrapped)
    }

    /// Unwraps a data key.
    pub fn open_data_key(
        &self,
        place: &[&str],
        wrapped: &SealedBlob,
    ) -> Result<DataKey, CanNotOpen> {
        let plain = self.open_value(place, wrapped)?;
        let key: [u8; 32] = plain.as_slice().try_into().map_err(|_| CanNotOpen)?;
        Ok(DataKey(Zeroizing::new(key)))
    }

    /// The newest key's fingerprint of some bytes (HMAC-SHA-256), behind that key's id so that it stays comparable
    /// after a rotation: `kid (u32, big endian) | mac (32 bytes)`.
    pub fn fingerprint(&self, bytes: &[u8]) -> Vec<u8> {
        fingerprint_with(&self.newest, bytes)
    }

    /// The fingerprint of an API key.
    pub fn fingerprint_key(&self, key: &ApiKey) -> Vec<u8> {
        self.fingerprint(key.plain())
    }

    /// Whether `stored` is the fingerprint of `bytes`, made with any key of this ring.
    pub fn matches_fingerprint(&self, stored: &[u8], bytes: &[u8]) -> bool {
        let Some((id, _)) = stored.split_first_chunk::<4>() else {
            return false;
        };
        let Some(key) = self.find(u32::from_be_bytes(*id)) else {
            return false;
        };
        fingerprint_with(key, bytes).ct_eq(stored).into()
    }

    /// Whether `stored` is the fingerprint of an API key, made with any key of this ring.
    pub fn matches_key(&self, stored: &[u8], key: &ApiKey) -> bool {
        self.matches_fingerprint(stored, key.plain())
    }

    fn seal_fields(&self, fields: &[Vec<u8>], plain: &[u8]) -> SealedBlob {
        sealed::seal(&self.newest.encryption, self.newest.id, fields, plain)
    }

    fn open_fields(
        &self,
        fields: &[Vec<u8>],
        blob: &SealedBlob,
    ) -> Result<Zeroizing<Vec<u8>>, CanNotOpen> {
        let key = self
            .find(blob.key_id().ok_or(CanNotOpen)?)
            .ok_or(CanNotOpen)?;
        sealed::open(&key.encryption, fields, blob)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Keyring(newest k{}, {} older, [redacted])",
            self.newest.id,
            self.older.len()
        )
    }
}

impl DataKey {
    /// Seals a record at its place.
    pub fn seal(&self, place: &[&str], plain: &[u8]) -> SealedBlob {
        sealed::seal(&self.0, 0, &owned(place), plain)
    }

    /// Opens a record at its place.
    pub fn open(
        &self,
        place: &[&str],
        blob: &SealedBlob,
    ) -> Result<Zeroizing<Vec<u8>>, CanNotOpen> {
        sealed::open(&self.0, &owned(place), blob)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([redacted])")
    }
}

fn owned(place: &[&str]) -> Vec<Vec<u8>> {
    place
        .iter()
        .map(|field| field.as_bytes().to_vec())
        .collect()
}

fn fingerprint_with(key: &MasterKey, bytes: &[u8]) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.fingerprint.as_ref()).expect("any length will do");
    mac.update(bytes);
    let mut fingerprint = key.id.to_be_bytes().to_vec();
    fingerprint.extend_from_slice(&mac.finalize().into_bytes());
    fingerprint
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(text: &str) -> Keyring {
        Keyring::new(SecretList::parse('k', &text.to_owned().into()).unwrap()).unwrap()
    }

    fn generated(id: u32) -> String {
        #[expect(clippy::disallowed_methods, reason = "a test key")]
        SecretList::generate('k', id).expose_secret().to_owned()
    }

    #[test]
    fn k7_missing_short_and_sample_keys_are_refused_by_name() {
        let parse = |text: &str| SecretList::parse('k', &text.to_owned().into()).map(|_| ());
        assert_eq!(parse(""), Err(InvalidKeyList::Empty));
        assert_eq!(parse("hello"), Err(InvalidKeyList::Form(1, 'k')));
        assert_eq!(parse("s1:AAAA"), Err(InvalidKeyList::Form(1, 'k')));
        assert_eq!(parse("k1:AAAA"), Err(InvalidKeyList::Length("k1".into())));
        let zeros = STANDARD.encode([0_u8; 32]);
        assert_eq!(
            parse(&format!("k3:{zeros}")),
            Err(InvalidKeyList::Sample("k3".into()))
        );
        let counting = STANDARD.encode(std::array::from_fn::<u8, 32, _>(|i| {
            u8::try_from(i).unwrap()
        }));
        assert_eq!(
            parse(&format!("k1:{counting}")),
            Err(InvalidKeyList::Sample("k1".into()))
        );
        let key = generated(1);
        assert_eq!(
            parse(&format!("{key},{key}")),
            Err(InvalidKeyList::Twice("k1".into()))
        );
    }

    #[test]
    fn after_a_rotation_the_newest_key_seals_and_the_old_one_still_opens() {
        let (old, new) = (generated(1), generated(2));
        let before = ring(&old).seal_value(&["t", "c", "row"], b"text");
        let print = ring(&old).fingerprint(b"body");
        let rotated = ring(&format!("{new},{old}"));
        assert_eq!(
            rotated
                .open_value(&["t", "c", "row"], &before)
                .unwrap()
                .as_slice(),
            b"text"
        );
        assert_eq!(rotated.seal_value(&["t"], b"").key_id(), Some(2));
        assert!(rotated.matches_fingerprint(&print, b"body"));
        assert!(!rotated.matches_fingerprint(&print, b"Body"));
        assert_eq!(
            ring(&new).open_value(&["t", "c", "row"], &before),
            Err(CanNotOpen)
        );
    }

    #[test]
    fn a_data_key_opens_only_at_its_own_place() {
        let ring = ring(&generated(1));
        let (key, wrapped) = ring.make_data_key(&["store_keys", "data_key", "instapp_1"]);
        let record = key.seal(&["a"], b"value");
        let again = ring
            .open_data_key(&["store_keys", "data_key", "instapp_1"], &wrapped)
            .unwrap();
        assert_eq!(again.open(&["a"], &record).unwrap().as_slice(), b"value");
        assert!(again.open(&["b"], &record).is_err());
        assert!(
            ring.open_data_key(&["store_keys", "data_key", "instapp_2"], &wrapped)
                .is_err()
        );
    }
}
