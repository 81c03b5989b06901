//! The keyring: master keys, newest first. The first one seals, all of them open.
//!
//! A key may seal only so often (random nonces: NIST SP 800-38D), and uses are counted where they survive a crash. So
//! nothing is sealed by the keyring itself: a [`UsePermit`] is, each is good for one use, and there are only as many
//! as were noted as used beforehand ([`Keyring::grant`]).

mod permit;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use permit::{UseBatch, UsePermit};

use super::api_key::ApiKey;
use super::list::{InvalidKeyList, SecretList};
use super::purpose::{Purpose, derive};
use super::sealed::{self, CanNotOpen, KeyOwner, SealedBlob};

struct MasterKey {
    id: u32,
    encryption: Zeroizing<[u8; 32]>,
    fingerprint: Zeroizing<[u8; 32]>,
    compiled_code: Zeroizing<[u8; 32]>,
    /// Uses that were counted already and not taken yet.
    granted: AtomicU64,
}

impl MasterKey {
    fn take(&self, wanted: u64) -> Result<(), NoneGranted> {
        let take = |left: u64| left.checked_sub(wanted);
        self.granted
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .map(|_| ())
            .map_err(|_| NoneGranted)
    }
}

/// What a key fingerprints to make its mark.
const MARKED: &[u8] = b"airlock key number";

struct Ring {
    newest: MasterKey,
    older: Vec<MasterKey>,
}

impl Ring {
    fn new(roots: SecretList) -> Result<Self, InvalidKeyList> {
        let mut keys = roots.into_keys().into_iter().map(|(id, root)| MasterKey {
            id,
            encryption: derive(&root, Purpose::Encryption),
            fingerprint: derive(&root, Purpose::Fingerprint),
            compiled_code: derive(&root, Purpose::CompiledCode),
            granted: AtomicU64::new(0),
        });
        let newest = keys.next().ok_or(InvalidKeyList::Empty)?;
        Ok(Self {
            newest,
            older: keys.collect(),
        })
    }

    fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}

/// The key of one install's records, wrapped by a master key while stored.
pub struct DataKey(Zeroizing<[u8; 32]>);

/// The key with which a master key makes fingerprints. It is kept, sealed, when its master key goes: what was
/// fingerprinted is not there to be fingerprinted anew.
pub struct FingerprintKey {
    id: u32,
    key: Zeroizing<[u8; 32]>,
}

/// No use of the newest key is left among those that were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no counted use of the master key is left")]
pub struct NoneGranted;

/// Opens with every key; the keys can be exchanged while it is in use.
pub struct Keyring {
    ring: ArcSwap<Ring>,
    kept: RwLock<Vec<FingerprintKey>>,
}

impl Keyring {
    /// Derives the purpose keys of every master key and drops the roots.
    pub fn new(roots: SecretList) -> Result<Self, InvalidKeyList> {
        Ok(Self {
            ring: ArcSwap::from_pointee(Ring::new(roots)?),
            kept: RwLock::default(),
        })
    }

    /// Takes the keys of another ring in place of its own. Permits taken before stay good.
    pub fn replace(&self, other: Self) {
        let kept = other
            .kept
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = kept;
        self.ring.store(other.ring.into_inner());
    }

    /// The id of the key that seals.
    pub fn newest_id(&self) -> u32 {
        self.ring.load().newest.id
    }

    /// The id of each key, newest first.
    pub fn ids(&self) -> Vec<u32> {
        self.ring.load().all().map(|key| key.id).collect()
    }

    /// Whether a blob is under a key that is not here. Another host may know that key.
    pub fn lacks_key_of(&self, blob: &SealedBlob) -> bool {
        blob.key_id().is_some_and(|id| !self.ids().contains(&id))
    }

    /// The beginning of every blob that the newest key seals.
    pub fn newest_header(&self) -> [u8; 6] {
        sealed::header(self.newest_id())
    }

    /// Notes that `uses` more uses of a key were counted and may be taken.
    pub fn grant(&self, id: u32, uses: u64) {
        let ring = self.ring.load();
        if ring.newest.id == id {
            ring.newest.granted.fetch_add(uses, Ordering::AcqRel);
        }
    }

    /// Notes `counted` more uses of a key like [`Keyring::grant`], and takes `wanted` of them at once, so that others who
    /// run for the same uses can't leave too few. None where the key is no longer the newest, or there are not as many.
    pub fn grant_and_reserve(&self, id: u32, counted: u64, wanted: u64) -> Option<UseBatch> {
        let ring = self.ring.load_full();
        if ring.newest.id != id {
            return None;
        }
        let granted = &ring.newest.granted;
        let Some(rest) = counted.checked_sub(wanted) else {
            granted.fetch_add(counted, Ordering::AcqRel);
            return self.reserve(wanted).ok();
        };
        granted.fetch_add(rest, Ordering::AcqRel);
        let left = wanted;
        Some(UseBatch { ring, left })
    }

    /// Takes as many counted uses of the newest key, or none.
    pub fn reserve(&self, wanted: u64) -> Result<UseBatch, NoneGranted> {
        let ring = self.ring.load_full();
        ring.newest.take(wanted)?;
        let left = wanted;
        Ok(UseBatch { ring, left })
    }

    /// Whether the newest key is still the one that these uses are of.
    pub fn is_current(&self, batch: &UseBatch) -> bool {
        Arc::ptr_eq(&self.ring.load(), &batch.ring)
    }

    /// How many counted uses of the newest key are left.
    pub fn granted(&self) -> u64 {
        self.ring.load().newest.granted.load(Ordering::Acquire)
    }

    /// Takes one counted use of the newest key.
    pub fn permit(&self) -> Result<UsePermit, NoneGranted> {
        let ring = self.ring.load_full();
        ring.newest.take(1)?;
        Ok(UsePermit(ring))
    }

    /// Opens an API key for the row that owns it.
    pub fn open(&self, owner: &KeyOwner<'_>, blob: &SealedBlob) -> Result<ApiKey, CanNotOpen> {
        let plain = self.open_fields(&owner.fields(), blob)?;
        let text = std::str::from_utf8(&plain).map_err(|_| CanNotOpen)?;
        ApiKey::parse(text.into()).map_err(|_| CanNotOpen)
    }

    /// Opens what [`UsePermit::seal_value`] sealed at the same place.
    pub fn open_value(
        &self,
        place: &[&str],
        blob: &SealedBlob,
    ) -> Result<Zeroizing<Vec<u8>>, CanNotOpen> {
        self.open_fields(&owned(place), blob)
    }

    /// Unwraps a data key.
    pub fn open_data_key(
        &self,
        place: &[&str],
        wrapped: &SealedBlob,
    ) -> Result<DataKey, CanNotOpen> {
        Ok(DataKey(key_of(&self.open_value(place, wrapped)?)?))
    }

    /// The fingerprint keys of every key but the newest, and of those that are gone.
    pub fn older_fingerprint_keys(&self) -> Vec<FingerprintKey> {
        let ring = self.ring.load();
        let older = ring.older.iter().map(|key| FingerprintKey {
            id: key.id,
            key: key.fingerprint.clone(),
        });
        let mut found: Vec<FingerprintKey> = older.collect();
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        for key in kept.iter() {
            if key.id != ring.newest.id && found.iter().all(|known| known.id != key.id) {
                found.push(key.clone());
            }
        }
        found
    }

    /// Opens the sealed fingerprint key of a master key and keeps it for comparing.
    pub fn keep_fingerprint_key(&self, id: u32, blob: &SealedBlob) -> Result<(), CanNotOpen> {
        let plain = self.open_value(&fingerprint_place(&id.to_string()), blob)?;
        let key = FingerprintKey {
            id,
            key: key_of(&plain)?,
        };
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|known| known.id != id);
        kept.push(key);
        Ok(())
    }

    /// Whether fingerprints made with that key can be compared.
    pub fn can_compare(&self, id: u32) -> bool {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        self.ring.load().all().any(|key| key.id == id) || kept.iter().any(|key| key.id == id)
    }

    /// A fingerprint that is counted as no use of a key: it is an HMAC under a key of its own, which wears out no key. For
    /// what must be noted even when the master key may seal nothing more.
    pub fn fingerprint_uncounted(&self, bytes: &[u8]) -> Vec<u8> {
        let ring = self.ring.load();
        fingerprint_with(ring.newest.id, &ring.newest.fingerprint, bytes)
    }

    /// Each key's number, newest first, with a mark that only this key makes. The mark opens nothing, and making it is no
    /// use of the key: it is always the same.
    pub fn marks(&self) -> Vec<(u32, Vec<u8>)> {
        let mark = |key: &MasterKey| fingerprint_with(key.id, &key.fingerprint, MARKED);
        self.ring
            .load()
            .all()
            .map(|key| (key.id, mark(key)))
            .collect()
    }

    /// The MAC of compiled code under the master key of that id, over these parts one after the other: their lengths must
    /// follow from what they say. None where the key is not here. It is counted as no use, like
    /// [`Keyring::fingerprint_uncounted`].
    pub fn code_mac(&self, id: u32, parts: &[&[u8]]) -> Option<[u8; 32]> {
        let mac = self.code_hmac(id, parts)?;
        Some(mac.finalize().into_bytes().into())
    }

    /// Whether `mac` is what [`Keyring::code_mac`] made, compared in constant time.
    pub fn matches_code(&self, id: u32, parts: &[&[u8]], mac: &[u8; 32]) -> bool {
        self.code_hmac(id, parts)
            .is_some_and(|own| own.verify_slice(mac).is_ok())
    }

    fn code_hmac(&self, id: u32, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
        let ring = self.ring.load();
        let key = ring.all().find(|key| key.id == id)?;
        let mut mac = hmac(&key.compiled_code);
        for part in parts {
            mac.update(part);
        }
        Some(mac)
    }

    /// Whether `stored` is the fingerprint of `bytes`, made with any key that is here or was kept. Comparing is no use
    /// of a key: nothing new is stored.
    pub fn matches_fingerprint(&self, stored: &[u8], bytes: &[u8]) -> bool {
        let Some((id, _)) = stored.split_first_chunk::<4>() else {
            return false;
        };
        let id = u32::from_be_bytes(*id);
        let same = |key: &[u8; 32]| bool::from(fingerprint_with(id, key, bytes).ct_eq(stored));
        let ring = self.ring.load();
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        // A number may have been given again to another key, so both are tried.
        ring.all().any(|key| key.id == id && same(&key.fingerprint))
            || kept.iter().any(|key| key.id == id && same(&key.key))
    }

    /// Whether the key of that number is the one whose fingerprint key was kept under it.
    pub fn is_kept(&self, id: u32) -> bool {
        let ring = self.ring.load();
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let same = |key: &MasterKey| {
            kept.iter()
                .any(|kept| kept.id == id && bool::from(kept.key.ct_eq(&*key.fingerprint)))
        };
        ring.all().filter(|key| key.id == id).any(same)
    }

    /// Whether `stored` is the fingerprint of an API key.
    pub fn matches_key(&self, stored: &[u8], key: &ApiKey) -> bool {
        self.matches_fingerprint(stored, key.plain())
    }

    fn open_fields(
        &self,
        fields: &[Vec<u8>],
        blob: &SealedBlob,
    ) -> Result<Zeroizing<Vec<u8>>, CanNotOpen> {
        let ring = self.ring.load();
        let id = blob.key_id().ok_or(CanNotOpen)?;
        let key = ring.all().find(|key| key.id == id).ok_or(CanNotOpen)?;
        sealed::open(&key.encryption, fields, blob)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let older = self.ring.load().older.len();
        write!(
            f,
            "Keyring(newest k{}, {older} older, [redacted])",
            self.newest_id()
        )
    }
}

impl FingerprintKey {
    /// The id of the master key that it belongs to.
    pub fn id(&self) -> u32 {
        self.id
    }
}

impl Clone for FingerprintKey {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            key: self.key.clone(),
        }
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FingerprintKey(k{}, [redacted])", self.id)
    }
}

impl DataKey {
    /// Seals a record at its place. The nonces are random: the quota of a store keeps their number far below the limit.
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

fn fingerprint_place(id: &str) -> [&str; 3] {
    ["fingerprint_keys", "key", id]
}

fn key_of(plain: &[u8]) -> Result<Zeroizing<[u8; 32]>, CanNotOpen> {
    let mut key = Zeroizing::new([0_u8; 32]);
    if plain.len() != key.len() {
        return Err(CanNotOpen);
    }
    key.copy_from_slice(plain);
    Ok(key)
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("any length will do")
}

fn fingerprint_with(id: u32, key: &[u8; 32], bytes: &[u8]) -> Vec<u8> {
    let mut mac = hmac(key);
    mac.update(bytes);
    let mut fingerprint = id.to_be_bytes().to_vec();
    fingerprint.extend_from_slice(&mac.finalize().into_bytes());
    fingerprint
}

#[cfg(test)]
mod tests;
