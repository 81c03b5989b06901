//! Counted uses of the newest master key: taken together, and given out one by one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use zeroize::Zeroizing;

use super::{
    DataKey, FingerprintKey, NoneGranted, Ring, fingerprint_place, fingerprint_with, owned,
};
use crate::secret::api_key::ApiKey;
use crate::secret::random_bytes;
use crate::secret::sealed::{self, KeyOwner, SealedBlob};

/// Counted uses of the newest master key, taken together. What is not used goes back on drop. They stay good when the
/// keys are exchanged.
#[must_use = "the uses are taken"]
pub struct UseBatch {
    pub(super) ring: Arc<Ring>,
    pub(super) left: u64,
}

impl UseBatch {
    /// One of them.
    pub fn permit(&mut self) -> Result<UsePermit, NoneGranted> {
        self.left = self.left.checked_sub(1).ok_or(NoneGranted)?;
        Ok(UsePermit(self.ring.clone()))
    }
}

impl Drop for UseBatch {
    fn drop(&mut self) {
        let granted = &self.ring.newest.granted;
        granted.fetch_add(self.left, Ordering::AcqRel);
    }
}

impl fmt::Debug for UseBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (left, id) = (self.left, self.ring.newest.id);
        write!(f, "UseBatch({left} of k{id}, [redacted])")
    }
}

/// One use of the newest master key, counted before it was given out. Each method takes it.
///
/// ```compile_fail
/// # use airlock_host::secret::UsePermit;
/// fn twice(permit: UsePermit) {
///     let _ = permit.fingerprint(b"one");
///     let _ = permit.fingerprint(b"two");
/// }
/// ```
///
/// ```
/// # use airlock_host::secret::UsePermit;
/// fn once(permit: UsePermit) {
///     let _ = permit.fingerprint(b"one");
/// }
/// ```
#[must_use = "the use is counted"]
pub struct UsePermit(pub(super) Arc<Ring>);

impl UsePermit {
    /// Seals an API key to the row that owns it.
    pub fn seal(self, owner: &KeyOwner<'_>, key: &ApiKey) -> SealedBlob {
        self.seal_fields(&owner.fields(), key.plain())
    }

    /// Seals any other value under a list of fields that name its place, outermost first (table, column, row …).
    pub fn seal_value(self, place: &[&str], plain: &[u8]) -> SealedBlob {
        self.seal_fields(&owned(place), plain)
    }

    /// Makes a data key and its wrapped form for the given place.
    pub fn make_data_key(self, place: &[&str]) -> (DataKey, SealedBlob) {
        let key = Zeroizing::new(random_bytes::<32>());
        let wrapped = self.seal_value(place, key.as_ref());
        (DataKey(key), wrapped)
    }

    /// Seals the fingerprint key of another master key, so that it can go.
    pub fn seal_fingerprint_key(self, key: &FingerprintKey) -> SealedBlob {
        self.seal_value(&fingerprint_place(&key.id.to_string()), key.key.as_ref())
    }

    /// The fingerprint of some bytes (HMAC-SHA-256), behind the key's id so that it stays comparable after a rotation:
    /// `kid (u32, big endian) | mac (32 bytes)`.
    pub fn fingerprint(self, bytes: &[u8]) -> Vec<u8> {
        fingerprint_with(self.0.newest.id, &self.0.newest.fingerprint, bytes)
    }

    /// The fingerprint of an API key.
    pub fn fingerprint_key(self, key: &ApiKey) -> Vec<u8> {
        self.fingerprint(key.plain())
    }

    fn seal_fields(self, fields: &[Vec<u8>], plain: &[u8]) -> SealedBlob {
        sealed::seal(&self.0.newest.encryption, self.0.newest.id, fields, plain)
    }
}

impl fmt::Debug for UsePermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UsePermit(k{}, [redacted])", self.0.newest.id)
    }
}
