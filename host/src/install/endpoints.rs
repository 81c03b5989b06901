//! The two addresses of each app: their secret parts, kept sealed, compared in memory and in constant time.

use std::sync::{Arc, PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::model::{Clock, Slug};
use crate::secret::{CanNotOpen, Keyring, random_name};
use crate::store::endpoints::{self, EndpointRow};
use crate::store::{Database, StoreError, audit};

/// Which address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// A stored secret does not open.
    #[error("the address secret of {0} can not be opened")]
    Sealed(Slug, #[source] CanNotOpen),
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
}

/// The address secrets of every app, also of apps that were removed. A cheap handle.
#[derive(Clone)]
pub struct Endpoints {
    database: Database,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    known: Arc<RwLock<Vec<Known>>>,
}

impl Endpoints {
    /// Opens every stored secret.
    pub async fn open(
        database: Database,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, EndpointsError> {
        let endpoints = Self {
            database,
            keyring,
            clock,
            known: Arc::default(),
        };
        endpoints.reload().await?;
        Ok(endpoints)
    }

    /// Reads every stored secret anew, because another host may have changed some.
    pub async fn reload(&self) -> Result<(), EndpointsError> {
        let rows = endpoints::list(&mut *self.database.read().await?).await?;
        let opened = rows.iter().map(|row| open_row(&self.keyring, row));
        let opened = opened.collect::<Result<Vec<_>, _>>()?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = opened.into_iter().flatten().collect();
        Ok(())
    }

    /// Makes the secrets that an app lacks.
    pub async fn ensure(&self, slug: &Slug) -> Result<(), EndpointsError> {
        for kind in [EndpointKind::Callback, EndpointKind::Portal] {
            if self.newest(kind, slug).is_none() {
                self.make(kind, slug).await?;
            }
        }
        Ok(())
    }

    async fn make(&self, kind: EndpointKind, slug: &Slug) -> Result<(), EndpointsError> {
        let secret = random_name();
        let revision = 1;
        let place = place(kind, slug, revision);
        let sealed = self
            .keyring
            .seal_value(&place.each_ref().map(String::as_str), secret.as_bytes());
        let row = EndpointRow {
            slug: slug.clone(),
            kind: kind.as_str().to_owned(),
            revision,
            secret: sealed,
        };
        let now = self.clock.now();
        let mut tx = self.database.write().await?;
        let stored = endpoints::list(&mut tx).await?;
        if stored
            .iter()
            .any(|other| other.slug == row.slug && other.kind == row.kind)
        {
            // Another host has just made it.
            drop(tx);
            return self.reload().await;
        }
        endpoints::insert(&mut tx, &row, now).await?;
        audit::append(
            &mut tx,
            "address_made",
            Some(slug),
            None,
            kind.as_str(),
            now,
        )
        .await?;
        tx.commit().await?;
        let entry = known(slug.clone(), kind, revision, secret.into());
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry);
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
    pub fn matches(&self, kind: EndpointKind, slug: &str, secret: &str) -> Option<Slug> {
        let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for entry in known.iter() {
            let same_place = entry.kind == kind && entry.slug.as_str() == slug;
            let matches = entry.digest.ct_eq(&digest) & Choice::from(u8::from(same_place));
            if bool::from(matches) {
                found = Some(entry.slug.clone());
            }
        }
        found
    }
}

fn known(slug: Slug, kind: EndpointKind, revision: i64, secret: SecretString) -> Known {
    #[expect(
        clippy::disallowed_methods,
        reason = "guesses are compared with the digest of the secret"
    )]
    let digest = Sha256::digest(secret.expose_secret().as_bytes()).into();
    Known {
        slug,
        kind,
        revision,
        digest,
        secret,
    }
}

fn place(kind: EndpointKind, slug: &Slug, revision: i64) -> [String; 5] {
    [
        "endpoints",
        "secret",
        slug.as_str(),
        kind.as_str(),
        &revision.to_string(),
    ]
    .map(ToOwned::to_owned)
}

/// None for a kind of address that this version does not know.
fn open_row(keyring: &Keyring, row: &EndpointRow) -> Result<Option<Known>, EndpointsError> {
    let kind = match row.kind.as_str() {
        "callback" => EndpointKind::Callback,
        "portal" => EndpointKind::Portal,
        _ => return Ok(None),
    };
    let sealed = |error| EndpointsError::Sealed(row.slug.clone(), error);
    let place = place(kind, &row.slug, row.revision);
    let plain = keyring
        .open_value(&place.each_ref().map(String::as_str), &row.secret)
        .map_err(sealed)?;
    let secret = std::str::from_utf8(&plain)
        .map_err(|_| sealed(CanNotOpen))?
        .to_owned();
    Ok(Some(known(
        row.slug.clone(),
        kind,
        row.revision,
        secret.into(),
    )))
}
