//! Whom a call serves: a stored install, its grants and its sealed key.

use std::ops::Deref;
use std::sync::Arc;

use crate::model::{AppId, GrantedScopes, InstallId, InstanceId, OrganizationId, Slug};
use crate::secret::{ApiKey, CanNotOpen, KeyOwner, Keyring, SealedBlob};
use crate::store::installs::{InstallRow, Status};

/// How every API key of Blnk begins.
const KEY_BEGINS: &str = "blnk_";
/// Fewer bytes than this are no secret.
const SHORTEST_SECRET: usize = 8;
/// Places in one text where a key may begin that are looked at.
const MOST_CANDIDATES: usize = 256;

/// A stored install. Cheap to clone. Made only by this floor, from a row.
///
/// A row that somebody made up is no tenant, so nobody's guest can be run for it:
///
/// ```compile_fail
/// # use std::sync::Arc;
/// # use airlock_host::install::Tenant;
/// # use airlock_host::store::installs::InstallRow;
/// fn forge(row: InstallRow) -> Tenant {
///     Tenant(Arc::new(row))
/// }
/// ```
///
/// ```
/// # use airlock_host::install::{Installs, Tenant};
/// # use airlock_host::model::InstallId;
/// # use airlock_host::store::StoreError;
/// async fn read(installs: &Installs, install: &InstallId) -> Result<Option<Tenant>, StoreError> {
///     installs.stored(install, 1).await
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Tenant(Arc<InstallRow>);

impl Tenant {
    pub(super) fn new(row: InstallRow) -> Self {
        Self(Arc::new(row))
    }

    /// The app's slug.
    pub fn slug(&self) -> &Slug {
        &self.0.slug
    }

    /// The installation.
    pub fn install_id(&self) -> &InstallId {
        &self.0.install
    }

    /// Which attempt of it, from 1.
    pub fn attempt(&self) -> i64 {
        self.0.attempt
    }

    /// The app as registered in Cloud.
    pub fn app_id(&self) -> &AppId {
        &self.0.app
    }

    /// The instance that every Cloud call is about.
    pub fn instance_id(&self) -> &InstanceId {
        &self.0.instance
    }

    /// The workspace, where Cloud told it.
    pub fn organization_id(&self) -> Option<&OrganizationId> {
        self.0.organization.as_ref()
    }

    /// What the user granted.
    pub fn granted(&self) -> &GrantedScopes {
        &self.0.granted
    }

    /// The session generation.
    pub fn generation(&self) -> i64 {
        self.0.generation
    }

    /// Where the install stood when this was read.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// Opens the key for one Cloud call. An ended install has none.
    pub fn open_key(&self, keyring: &Keyring) -> Result<ApiKey, CanNotOpen> {
        let blob = self.0.api_key.as_ref().ok_or(CanNotOpen)?;
        keyring.open(&owner(&self.0), blob)
    }

    /// Whether some bytes hold this install's key, found without opening it: wherever it may begin, as many bytes as it has
    /// are compared by their fingerprint. A key that was encoded otherwise is not found.
    pub fn finds_key_in(&self, keyring: &Keyring, bytes: &[u8]) -> bool {
        let row = &self.0;
        let Some(length) = row.api_key.as_ref().and_then(SealedBlob::value_len) else {
            return false;
        };
        // Shorter keys than this are no secret, and would match anything.
        if length < SHORTEST_SECRET {
            return false;
        }
        let mut beginnings = vec![KEY_BEGINS];
        if !row.api_key_prefix.is_empty() && !row.api_key_prefix.starts_with(KEY_BEGINS) {
            beginnings.push(&row.api_key_prefix);
        }
        beginnings.into_iter().any(|beginning| {
            let begins = memchr::memmem::find_iter(bytes, beginning.as_bytes());
            let mut candidates = begins.filter_map(|at| bytes.get(at..at.checked_add(length)?));
            let found = |key: &[u8]| keyring.matches_fingerprint(&row.key_fingerprint, key);
            // Comparing so many that it takes long would serve whoever wants just that; no honest text has them.
            candidates.by_ref().take(MOST_CANDIDATES).any(found) || candidates.next().is_some()
        })
    }

    pub(super) fn row(&self) -> &InstallRow {
        &self.0
    }
}

/// The fields that a row's key is bound to.
pub(super) fn owner(row: &InstallRow) -> KeyOwner<'_> {
    KeyOwner {
        install: &row.install,
        app: &row.app,
        instance: &row.instance,
        revision: row.attempt,
        granted: &row.granted,
    }
}

/// Proof that an install exists, is active, and belongs to the app and instance that were asked for.
///
/// It can't be made elsewhere:
///
/// ```compile_fail
/// # use airlock_host::install::{ActiveInstall, Tenant};
/// fn forge(tenant: Tenant) -> ActiveInstall {
///     ActiveInstall(tenant)
/// }
/// ```
///
/// ```
/// # use airlock_host::install::{ActiveInstall, Tenant};
/// fn use_it(install: &ActiveInstall) -> &Tenant {
///     install
/// }
/// ```
#[derive(Debug, Clone)]
pub struct ActiveInstall(Tenant);

impl ActiveInstall {
    pub(super) fn new(tenant: Tenant) -> Self {
        Self(tenant)
    }
}

impl Deref for ActiveInstall {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        &self.0
    }
}

/// An attempt to install whose key is not proven, or was refused later. It can be proven, and nothing else.
///
/// Where an active install is asked for, it will not do:
///
/// ```compile_fail
/// # use airlock_host::install::{ActiveInstall, Attempt, LaunchRequest};
/// # use airlock_host::secret::LaunchClaims;
/// fn launch(request: &LaunchRequest, attempt: &Attempt) -> LaunchClaims {
///     request.claims(attempt)
/// }
/// ```
///
/// ```
/// # use airlock_host::install::{ActiveInstall, Attempt, LaunchRequest};
/// # use airlock_host::secret::LaunchClaims;
/// fn launch(request: &LaunchRequest, install: &ActiveInstall) -> LaunchClaims {
///     request.claims(install)
/// }
/// ```
///
/// And it can be accepted once only:
///
/// ```compile_fail
/// # use airlock_host::install::{Attempt, Installs};
/// # use airlock_host::store::{StoreError, installs::Proof};
/// # async fn twice(installs: &Installs, attempt: Attempt) -> Result<(), StoreError> {
/// installs.accept(attempt, Proof::Answered, None).await?;
/// installs.accept(attempt, Proof::Answered, None).await?;
/// # Ok(())
/// # }
/// ```
///
/// ```
/// # use airlock_host::install::{Attempt, Installs};
/// # use airlock_host::store::{StoreError, installs::Proof};
/// # async fn once(installs: &Installs, attempt: Attempt) -> Result<(), StoreError> {
/// installs.accept(attempt, Proof::Answered, None).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "an attempt is to be proven or left for later"]
#[derive(Debug, Clone)]
pub struct Attempt(Tenant);

impl Attempt {
    pub(super) fn new(tenant: Tenant) -> Self {
        Self(tenant)
    }

    /// The install as it would be.
    pub fn tenant(&self) -> &Tenant {
        &self.0
    }
}
