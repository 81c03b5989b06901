//! Sealed values: AES-256-GCM, bound to the row that owns them.
//!
//! ```text
//! blob = version 0x01 | algorithm 0x01 | key id (u32, big endian) | nonce (12 bytes) | ciphertext | tag (16 bytes)
//! aad  = "airlock:secret:v1" 0x00 | the first 6 bytes of the blob | for each field: length (u32, big endian), bytes
//! ```
//!
//! The lengths make the associated data injective: no two lists of fields give the same bytes. The granted scopes are
//! among the fields of an API key, so whoever can write to the database still can't widen a grant: the key
//! just stops opening. A known answer is a test below.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

use super::random_bytes;
use crate::model::{AppId, GrantedScopes, InstallId, InstanceId};

const VERSION: u8 = 1;
const ALGORITHM_AES_256_GCM: u8 = 1;
const HEADER: usize = 6;
const NONCE: usize = 12;
const TAG: usize = 16;
/// Shortest possible blob in bytes: a sealed empty text.
const SHORTEST: usize = HEADER + NONCE + TAG;

/// A value could not be opened. One error for every cause, so that nobody learns which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value can not be opened: it was altered, moved, or sealed with another key")]
pub struct CanNotOpen;

/// A value as it is stored. Its bytes are not secret, but are not printed either.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedBlob(Vec<u8>);

impl SealedBlob {
    /// Takes bytes from storage. Whether they are a blob shows when they are opened.
    pub fn from_stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// How long the sealed value is, in bytes; none if this is no blob of ours.
    pub fn value_len(&self) -> Option<usize> {
        self.0.len().checked_sub(SHORTEST)
    }

    /// The id of the key it was sealed with; none if this is no blob of ours.
    pub fn key_id(&self) -> Option<u32> {
        key_id_of(&self.0)
    }
}

impl fmt::Debug for SealedBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedBlob({} bytes)", self.0.len())
    }
}

/// The key id in the beginning of a blob; its first six bytes are enough. None if this is no blob of ours.
pub fn key_id_of(beginning: &[u8]) -> Option<u32> {
    let (header, _) = beginning.split_first_chunk::<HEADER>()?;
    let [VERSION, ALGORITHM_AES_256_GCM, id @ ..] = *header else {
        return None;
    };
    Some(u32::from_be_bytes(id))
}

/// The beginning of what a key seals.
pub(crate) fn header(key_id: u32) -> [u8; HEADER] {
    let [a, b, c, d] = key_id.to_be_bytes();
    [VERSION, ALGORITHM_AES_256_GCM, a, b, c, d]
}

/// The row an API key belongs to. Each field is part of the associated data.
#[derive(Debug, Clone)]
pub struct KeyOwner<'a> {
    /// The installation.
    pub install: &'a InstallId,
    /// The app as registered in Cloud.
    pub app: &'a AppId,
    /// The instance the key is bound to.
    pub instance: &'a InstanceId,
    /// Which key of this install: the attempt's number.
    pub revision: i64,
    /// What the user granted.
    pub granted: &'a GrantedScopes,
}

impl KeyOwner<'_> {
    pub(super) fn fields(&self) -> [Vec<u8>; 7] {
        [
            b"installs".to_vec(),
            b"api_key".to_vec(),
            self.install.as_str().into(),
            self.app.as_str().into(),
            self.instance.as_str().into(),
            self.revision.to_string().into_bytes(),
            self.granted.joined().into_bytes(),
        ]
    }
}

fn associated_data(header: [u8; HEADER], fields: &[Vec<u8>]) -> Vec<u8> {
    let mut data = b"airlock:secret:v1\0".to_vec();
    data.extend_from_slice(&header);
    for field in fields {
        // A field longer than 4 GiB can not exist here; saturating keeps the function total.
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
        data.extend_from_slice(&length.to_be_bytes());
        data.extend_from_slice(field);
    }
    data
}

/// Seals `plain` under `key` with a fresh nonce from the operating system.
pub(super) fn seal(key: &[u8; 32], key_id: u32, fields: &[Vec<u8>], plain: &[u8]) -> SealedBlob {
    seal_with_nonce(key, key_id, random_bytes::<NONCE>(), fields, plain)
}

fn seal_with_nonce(
    key: &[u8; 32],
    key_id: u32,
    nonce: [u8; NONCE],
    fields: &[Vec<u8>],
    plain: &[u8],
) -> SealedBlob {
    let header = header(key_id);
    let aad = associated_data(header, fields);
    #[expect(clippy::expect_used, reason = "AES-GCM refuses only texts over 64 GiB")]
    let ciphertext = Aes256Gcm::new(key.into())
        .encrypt(
            &Nonce::from(nonce),
            Payload {
                msg: plain,
                aad: &aad,
            },
        )
        .expect("the text is shorter than 64 GiB");
    let mut blob = Vec::with_capacity(HEADER + NONCE + ciphertext.len());
    blob.extend_from_slice(&header);
    blob.extend_from_slice(&nonce);
    blob.extend_from_slice(&ciphertext);
    SealedBlob(blob)
}

/// Opens a blob under `key`. The key must be the one that [`SealedBlob::key_id`] names.
pub(super) fn open(
    key: &[u8; 32],
    fields: &[Vec<u8>],
    blob: &SealedBlob,
) -> Result<Zeroizing<Vec<u8>>, CanNotOpen> {
    if blob.0.len() < SHORTEST {
        return Err(CanNotOpen);
    }
    let (header, rest) = blob.0.split_first_chunk::<HEADER>().ok_or(CanNotOpen)?;
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(CanNotOpen)?;
    if !header.starts_with(&[VERSION, ALGORITHM_AES_256_GCM]) {
        return Err(CanNotOpen);
    }
    let aad = associated_data(*header, fields);
    Aes256Gcm::new(key.into())
        .decrypt(
            &Nonce::from(*nonce),
            Payload {
                msg: ciphertext,
                aad: &aad,
            },
        )
        .map(Zeroizing::new)
        .map_err(|_| CanNotOpen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::purpose::{Purpose, derive};

    fn fields() -> Vec<Vec<u8>> {
        let (install, app, instance) = (
            InstallId::parse("instapp_1").unwrap(),
            AppId::parse("app_1").unwrap(),
            InstanceId::parse("inst_1").unwrap(),
        );
        let granted = GrantedScopes::parse(["data:write", "data:read"]).unwrap();
        KeyOwner {
            install: &install,
            app: &app,
            instance: &instance,
            revision: 1,
            granted: &granted,
        }
        .fields()
        .to_vec()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    fn root() -> [u8; 32] {
        std::array::from_fn(|index| u8::try_from(index).unwrap())
    }

    #[test]
    fn the_published_vector_holds() {
        let key = derive(&root(), Purpose::Encryption);
        assert_eq!(
            hex(key.as_ref()),
            "598ef09e871b472ebfb130d90d757b5993e2b97f178ee802fa579a3699b18a60"
        );
        let blob = seal_with_nonce(&key, 7, [0x24; 12], &fields(), b"blnk_test_key");
        assert_eq!(
            hex(blob.as_bytes()),
            "010100000007242424242424242424242424dfedb6abd9d7bcf690b0454844a6f604ac56ca088cdcad3e32fbfdc51c"
        );
        assert_eq!(associated_data([1, 1, 0, 0, 0, 7], &fields()).len(), 108);
        assert_eq!(blob.key_id(), Some(7));
        assert_eq!(
            open(&key, &fields(), &blob).unwrap().as_slice(),
            b"blnk_test_key"
        );
    }

    #[test]
    fn k3_every_flipped_bit_and_every_truncation_is_refused() {
        let key = derive(&root(), Purpose::Encryption);
        let blob = seal(&key, 7, &fields(), b"blnk_test_key");
        for bit in 0..blob.0.len() * 8 {
            let mut bytes = blob.0.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                open(&key, &fields(), &SealedBlob(bytes)),
                Err(CanNotOpen),
                "bit {bit}"
            );
        }
        for length in 0..blob.0.len() {
            let cut = SealedBlob(blob.0[..length].to_vec());
            assert_eq!(
                open(&key, &fields(), &cut),
                Err(CanNotOpen),
                "length {length}"
            );
        }
    }

    #[test]
    fn k2_a_blob_opens_for_no_other_row() {
        let key = derive(&root(), Purpose::Encryption);
        let blob = seal(&key, 7, &fields(), b"blnk_test_key");
        for index in 0..fields().len() {
            let mut other = fields();
            other[index].push(b'x');
            assert_eq!(open(&key, &other, &blob), Err(CanNotOpen), "field {index}");
            let mut fewer = fields();
            fewer.remove(index);
            assert_eq!(
                open(&key, &fewer, &blob),
                Err(CanNotOpen),
                "without field {index}"
            );
        }
        // The same bytes, cut at another place.
        let mut shifted = fields();
        let moved = shifted[2].pop().unwrap();
        shifted[3].insert(0, moved);
        assert_eq!(open(&key, &shifted, &blob), Err(CanNotOpen));
    }

    #[test]
    fn the_same_text_never_gives_the_same_blob() {
        let key = derive(&root(), Purpose::Encryption);
        assert_ne!(
            seal(&key, 7, &fields(), b"text"),
            seal(&key, 7, &fields(), b"text")
        );
    }

    /// As many random cases as the run is long.
    fn cases() -> u32 {
        #[expect(
            clippy::disallowed_methods,
            reason = "how long a test run is, is told there"
        )]
        let long = std::env::var("AIRLOCK_TEST_LONG").is_ok();
        if long { 10_000 } else { 500 }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(cases()))]

        #[test]
        fn k2_a_blob_opens_at_its_own_place_alone(
            place in proptest::collection::vec(proptest::collection::vec(0_u8.., 0..12), 0..8),
            other in proptest::collection::vec(proptest::collection::vec(0_u8.., 0..12), 0..8),
            plain in proptest::collection::vec(0_u8.., 0..64),
            id: u32,
            edit: (usize, usize, u8),
            noise in proptest::collection::vec(0_u8.., 0..80),
        ) {
            let key = derive(&root(), Purpose::Encryption);
            let blob = seal(&key, id, &place, &plain);
            proptest::prop_assert!(*open(&key, &place, &blob).unwrap() == plain);
            proptest::prop_assert_eq!(open(&key, &other, &blob).is_ok(), other == place);
            let mut edited = place.clone();
            if let Some(field) = edit.0.checked_rem(place.len()).map(|at| &mut edited[at]) {
                let at = edit.1 % (field.len() + 1);
                field.insert(at, edit.2);
                proptest::prop_assert_eq!(open(&key, &edited, &blob), Err(CanNotOpen));
            }
            // The same bytes in fewer fields.
            let joined = vec![place.concat()];
            proptest::prop_assert_eq!(open(&key, &joined, &blob).is_ok(), joined == place);
            let noise = SealedBlob::from_stored(noise);
            proptest::prop_assert_eq!(open(&key, &place, &noise), Err(CanNotOpen));
        }
    }
}
