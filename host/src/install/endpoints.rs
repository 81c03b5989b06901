//! The two addresses of each app: their secret parts, kept sealed, compared in memory and in constant time.

mod changes;
mod rows;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq};
use tokio::sync::Mutex;
use tracing::warn;

use super::key_use::{KeyUse, KeyUseError};
use rows::kind_of;
pub(super) use rows::place_of;

use crate::model::{Clock, Slug, UnixMillis};
use crate::secret::{CanNotOpen, Keyring, NoneGranted};
use crate::store::endpoints::{self, EndpointRow};
use crate::store::{Database, StoreError};

const KINDS: [EndpointKind; 2] = [EndpointKind::Callback, EndpointKind::Portal];

/// Which address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndpointKind {
    /// Install and uninstall events.
    Callback,
    /// The portal generator.
    Portal,
}

impl EndpointKind {
    /// The word that stands in the address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Portal => "portal",
        }
    }
}

/// The addresses could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum EndpointsError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key may not be used.
    #[error(transparent)]
    Keys(#[from] KeyUseError),
}

impl From<NoneGranted> for EndpointsError {
    fn from(error: NoneGranted) -> Self {
        Self::Keys(error.into())
    }
}

impl From<sqlx::Error> for EndpointsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

struct Known {
    slug: Slug,
    kind: EndpointKind,
    revision: i64,
    digest: [u8; 32],
    secret: SecretString,
    /// Milliseconds since the epoch; 0 for never.
    last_used: AtomicI64,
    /// As much of it as stands in the database.
    noted: AtomicI64,
}

impl Known {
    /// What its row is found by.
    fn key(&self) -> (Slug, EndpointKind, i64) {
        (self.slug.clone(), self.kind, self.revision)
    }
}

/// An older secret of an address that still works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Older {
    /// Which address.
    pub kind: EndpointKind,
    /// When Cloud last used it, if ever since it was made.
    pub last_used: Option<UnixMillis>,
}

/// An address whose secret was given, right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    slug: Slug,
    kind: EndpointKind,
    revision: i64,
}

impl Address {
    /// The app that it belongs to.
    pub fn slug(&self) -> &Slug {
        &self.slug
    }
}

/// What became of a wish to change an app's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// There are new secrets; the ones before still work.
    Made,
    /// The older secrets work no more; holds how many there were.
    Retired(u64),
    /// The app has no addresses.
    Unknown,
    /// There are two valid secrets already.
    Two,
}

/// The address secrets of every app, also of apps that were removed. A cheap handle.
#[derive(Clone)]
pub struct Endpoints {
    database: Database,
    keyring: Arc<Keyring>,
    uses: KeyUse,
    clock: Arc<dyn Clock>,
    known: Arc<RwLock<Vec<Known>>>,
    /// One change at a time, so that memory ends as the database does.
    turn: Arc<Mutex<()>>,
    /// Whether a change was committed that could not be read again yet, or a secret does not open.
    behind: Arc<AtomicBool>,
    /// How many secrets did not open when they were last read.
    unopened: Arc<AtomicUsize>,
}

impl Endpoints {
    /// Opens every stored secret.
    pub async fn open(
        database: Database,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, EndpointsError> {
        let uses = KeyUse::new(database.clone(), keyring.clone());
        let endpoints = Self {
            database,
            keyring,
            uses,
            clock,
            known: Arc::default(),
            turn: Arc::default(),
            behind: Arc::default(),
            unopened: Arc::default(),
        };
        endpoints.reload().await?;
        Ok(endpoints)
    }

    /// Reads every secret again: another host, or a rotation, may have changed the rows.
    pub async fn reload(&self) -> Result<(), EndpointsError> {
        let _turn = self.turn.lock().await;
        self.database.bounded(self.reload_in_turn()).await
    }

    async fn reload_in_turn(&self) -> Result<(), EndpointsError> {
        let rows = endpoints::list(&mut *self.database.read().await?).await?;
        let mut fresh = Vec::new();
        let mut unopened = Vec::new();
        for row in rows {
            match open_row(&self.keyring, &row) {
                Ok(opened) => fresh.extend(opened),
                Err(_) => unopened.push(row),
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut before: HashMap<_, _> = known.drain(..).map(|old| (old.key(), old)).collect();
        for entry in &fresh {
            if let Some(old) = before.get(&entry.key()) {
                let used = old.last_used.load(Ordering::Relaxed);
                entry.last_used.fetch_max(used, Ordering::Relaxed);
            }
        }
        // The row still stands, so its secret is what it was: a rotation elsewhere sealed it under a key that is not here.
        for row in &unopened {
            let old = kind_of(row)
                .and_then(|kind| before.remove(&(row.slug.clone(), kind, row.revision)));
            fresh.extend(old);
        }
        *known = fresh;
        drop(known);
        let was_missing = self.unopened.swap(unopened.len(), Ordering::Relaxed);
        if unopened.len() > was_missing {
            self.tell_unopened(&unopened);
        }
        self.behind.store(!unopened.is_empty(), Ordering::Relaxed);
        Ok(())
    }

    fn tell_unopened(&self, rows: &[EndpointRow]) {
        for row in rows {
            let reason = if self.keyring.lacks_key_of(&row.secret) {
                "it is sealed under a master key that is not here; add the key to AIRLOCK_MASTER_KEYS and send SIGHUP"
            } else {
                "its row was altered"
            };
            warn!(app = %row.slug, alarm = true,
                "An address secret of {} does not open: {reason}. It works on if it was known before", row.slug);
        }
    }

    /// The older secrets of an app that still work.
    pub fn older(&self, slug: &Slug) -> Vec<Older> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let own = || known.iter().filter(|entry| entry.slug == *slug);
        own()
            .filter(|entry| {
                own().any(|other| other.kind == entry.kind && other.revision > entry.revision)
            })
            .map(|entry| Older {
                kind: entry.kind,
                last_used: Some(entry.last_used.load(Ordering::Relaxed))
                    .filter(|at| *at > 0)
                    .map(UnixMillis::new),
            })
            .collect()
    }

    /// Writes down when addresses were used since it was last written. Not done at each request: a minute is exact
    /// enough for an operator who asks whether Cloud still calls an older one.
    pub async fn note_uses(&self) -> Result<(), EndpointsError> {
        if self.is_behind() {
            self.reload().await?;
        }
        self.database.bounded(self.write_uses()).await
    }

    /// Whether the rows hold something that could not be read yet.
    pub(super) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    async fn write_uses(&self) -> Result<(), EndpointsError> {
        let used: Vec<(Slug, EndpointKind, i64, i64)> = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let fresh = known.iter().filter_map(|entry| {
                let at = entry.last_used.load(Ordering::Relaxed);
                let noted = entry.noted.load(Ordering::Relaxed);
                (at > noted).then(|| (entry.slug.clone(), entry.kind, entry.revision, at))
            });
            fresh.collect()
        };
        if used.is_empty() {
            return Ok(());
        }
        let mut tx = self.database.write().await?;
        for (slug, kind, revision, at) in &used {
            let at = UnixMillis::new(*at);
            endpoints::note_use(&mut tx, slug, kind.as_str(), *revision, at).await?;
        }
        tx.commit().await?;
        // Only now: a use whose write failed is written the next time.
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        for entry in known.iter() {
            let written = used.iter().find(|(slug, kind, revision, _)| {
                entry.slug == *slug && entry.kind == *kind && entry.revision == *revision
            });
            if let Some((.., at)) = written {
                entry.noted.fetch_max(*at, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// The newest secret of an address. It may be shown to the operator, and to nobody else.
    pub fn newest(&self, kind: EndpointKind, slug: &Slug) -> Option<SecretString> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known
            .iter()
            .filter(|entry| entry.kind == kind && entry.slug == *slug)
            .max_by_key(|entry| entry.revision)
            .map(|entry| entry.secret.clone())
    }

    /// The app whose address this is. Every known secret is compared, in constant time and without a database
    /// statement, so neither the time nor the load tells how near a guess was.
    pub fn matches(&self, kind: EndpointKind, slug: &str, secret: &str) -> Option<Address> {
        let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = u64::MAX;
        for (position, entry) in (0_u64..).zip(known.iter()) {
            let same_place = entry.kind == kind && entry.slug.as_str() == slug;
            let matches = entry.digest.ct_eq(&digest) & Choice::from(u8::from(same_place));
            found.conditional_assign(&position, matches);
        }
        let entry = known.get(usize::try_from(found).ok()?)?;
        Some(Address {
            slug: entry.slug.clone(),
            kind,
            revision: entry.revision,
        })
    }

    /// Notes that an address was used by a call that was let in.
    pub fn note_use(&self, address: &Address) {
        let now = self.clock.now().get();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let own = known.iter().find(|entry| {
            entry.slug == address.slug
                && entry.kind == address.kind
                && entry.revision == address.revision
        });
        if let Some(entry) = own {
            entry.last_used.fetch_max(now, Ordering::Relaxed);
        }
    }
}

/// The newest revision of an address.
fn newest_of(rows: &[EndpointRow], slug: &Slug, kind: EndpointKind) -> Option<i64> {
    let own = rows
        .iter()
        .filter(|row| row.slug == *slug && row.kind == kind.as_str());
    own.map(|row| row.revision).max()
}

fn known(slug: Slug, kind: EndpointKind, row: &EndpointRow, secret: SecretString) -> Known {
    #[expect(
        clippy::disallowed_methods,
        reason = "guesses are compared with the digest of the secret"
    )]
    let digest = Sha256::digest(secret.expose_secret().as_bytes()).into();
    let last_used = row.last_used.map_or(0, UnixMillis::get);
    Known {
        slug,
        kind,
        revision: row.revision,
        digest,
        secret,
        last_used: last_used.into(),
        noted: last_used.into(),
    }
}

/// None for a kind of address that this version does not know.
fn open_row(keyring: &Keyring, row: &EndpointRow) -> Result<Option<Known>, CanNotOpen> {
    let Some(kind) = kind_of(row) else {
        return Ok(None);
    };
    let place = place_of(row);
    let plain = keyring.open_value(&place.each_ref().map(String::as_str), &row.secret)?;
    let secret = std::str::from_utf8(&plain).map_err(|_| CanNotOpen)?.into();
    Ok(Some(known(row.slug.clone(), kind, row, secret)))
}
