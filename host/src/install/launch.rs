//! Launches and sessions: who may open a portal.

use std::time::Duration;

use serde::Deserialize;

use super::event::{EventError, Ids, optional};
use super::lifecycle::Installs;
use super::live::Stale;
use super::tenant::{ActiveInstall, Attempt, Tenant};
use crate::model::{AppId, InstallId, InstanceId, OrganizationId, Slug, UnixMillis, UserId};
use crate::secret::{IssuedSession, LaunchClaims, PortalSession, Signer, VerifiedLaunch};
use crate::store::installs::Status;
use crate::store::{StoreError, installs, launches};

/// Cloud asks for a portal address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchRequest {
    /// The app whose address was asked.
    pub slug: Slug,
    /// The installation.
    pub install: InstallId,
    /// The app as registered.
    pub app: AppId,
    /// The instance.
    pub instance: InstanceId,
    /// The workspace, in older requests.
    pub organization: Option<OrganizationId>,
    /// Who launches, in older requests.
    pub user: Option<UserId>,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the wire")]
struct Wire {
    installed_app_id: Option<String>,
    app_id: Option<String>,
    instance_id: Option<String>,
    organization_id: Option<String>,
    user_id: Option<String>,
}

impl LaunchRequest {
    /// Parses a body of the portal generator.
    pub fn parse(slug: Slug, body: &[u8]) -> Result<Self, EventError> {
        let wire: Wire =
            serde_json::from_slice(body).map_err(|error| EventError::from_json(&error))?;
        let ids = Ids::parse(
            wire.installed_app_id.as_deref(),
            wire.app_id.as_deref(),
            wire.instance_id.as_deref(),
        )?;
        Ok(Self {
            slug,
            install: ids.install,
            app: ids.app,
            instance: ids.instance,
            organization: optional(
                "organization_id",
                wire.organization_id.as_deref(),
                OrganizationId::parse,
            )?,
            user: optional("user_id", wire.user_id.as_deref(), UserId::parse)?,
        })
    }

    fn fits(&self, tenant: &Tenant) -> bool {
        let organizations_fit = match (&self.organization, tenant.organization_id()) {
            (Some(asked), Some(stored)) => asked == stored,
            _ => true,
        };
        organizations_fit
            && tenant.slug() == &self.slug
            && tenant.app_id() == &self.app
            && tenant.instance_id() == &self.instance
    }

    /// What a token for this launch claims.
    pub fn claims(&self, install: &ActiveInstall) -> LaunchClaims {
        LaunchClaims {
            app: install.app_id().clone(),
            install: install.install_id().clone(),
            instance: install.instance_id().clone(),
            user: self.user.clone(),
            generation: install.generation(),
        }
    }
}

/// Why a launch was refused.
#[derive(Debug, thiserror::Error)]
pub enum LaunchRefused {
    /// Unknown, ended, or another app's or instance's: nobody learns which.
    #[error("there is no such install")]
    Unknown,
    /// Its key is not proven yet, or was refused: to be proven on the spot, once.
    #[error("the install is not proven")]
    Unproven(Box<Attempt>),
    /// Nobody knows at the moment whether it has ended.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// The database.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

/// Why a session opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefused {
    /// Its install has ended, or sessions of that time have.
    #[error("the session's install has ended")]
    Ended,
    /// Nobody knows at the moment whether it has.
    #[error(transparent)]
    Stale(#[from] Stale),
}

/// Proof that a launch token was not used before. A session is made of this, so it can't be made twice.
///
/// ```compile_fail
/// # use airlock_host::install::FirstUse;
/// # use airlock_host::model::UnixMillis;
/// # use airlock_host::secret::Signer;
/// # use std::time::Duration;
/// fn open_twice(first: FirstUse, signer: &Signer, now: UnixMillis, ttl: Duration) {
///     let one = first.issue_session(signer, now, ttl);
///     let two = first.issue_session(signer, now, ttl);
/// }
/// ```
///
/// ```
/// # use airlock_host::install::FirstUse;
/// # use airlock_host::model::UnixMillis;
/// # use airlock_host::secret::Signer;
/// # use std::time::Duration;
/// fn open_once(first: FirstUse, signer: &Signer, now: UnixMillis, ttl: Duration) {
///     let one = first.issue_session(signer, now, ttl);
/// }
/// ```
///
/// And a token that was only verified is not one that was used up:
///
/// ```compile_fail
/// # use airlock_host::install::FirstUse;
/// # use airlock_host::secret::VerifiedLaunch;
/// fn forge(launch: VerifiedLaunch) -> FirstUse {
///     FirstUse { launch }
/// }
/// ```
///
/// ```
/// # use airlock_host::install::{FirstUse, Installs, UseRefused};
/// # use airlock_host::secret::VerifiedLaunch;
/// async fn use_up(installs: &Installs, launch: VerifiedLaunch) -> Result<FirstUse, UseRefused> {
///     installs.use_launch(launch).await
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct FirstUse {
    launch: VerifiedLaunch,
}

impl FirstUse {
    /// Makes the one session of this launch. `ttl` is capped at 15 minutes.
    pub fn issue_session(self, signer: &Signer, now: UnixMillis, ttl: Duration) -> IssuedSession {
        signer.issue_session(&self.launch, now, ttl)
    }
}

/// Why a launch token opens no session.
#[derive(Debug, thiserror::Error)]
pub enum UseRefused {
    /// It has opened one already.
    #[error("the launch was used")]
    AlreadyUsed,
    /// The database.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

impl From<sqlx::Error> for UseRefused {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl Installs {
    /// The active install that a launch asks for.
    pub async fn active_for(
        &self,
        request: &LaunchRequest,
    ) -> Result<ActiveInstall, LaunchRefused> {
        if let Some(tenant) = self.0.live.find(&request.install)? {
            return if request.fits(&tenant) {
                Ok(ActiveInstall::new(tenant))
            } else {
                Err(LaunchRefused::Unknown)
            };
        }
        let mut connection = self.0.database.read().await?;
        let attempts = installs::attempts_of(&mut connection, &request.install).await?;
        let unproven = attempts
            .into_iter()
            .filter(|row| matches!(row.status, Status::Pending | Status::Revoked))
            .map(Tenant::new)
            .find(|tenant| request.fits(tenant));
        match unproven {
            Some(tenant) => Err(LaunchRefused::Unproven(Box::new(Attempt::new(tenant)))),
            None => Err(LaunchRefused::Unknown),
        }
    }

    /// The active install of a session, if it still is the one that was launched.
    pub fn session_install(
        &self,
        session: &PortalSession,
    ) -> Result<ActiveInstall, SessionRefused> {
        self.claimed(session.claims())
    }

    /// The active install of a launch, if it still is.
    pub fn launched_install(
        &self,
        launch: &VerifiedLaunch,
    ) -> Result<ActiveInstall, SessionRefused> {
        self.claimed(launch.claims())
    }

    fn claimed(&self, claims: &LaunchClaims) -> Result<ActiveInstall, SessionRefused> {
        let tenant = self
            .0
            .live
            .find(&claims.install)?
            .ok_or(SessionRefused::Ended)?;
        let same = tenant.app_id() == &claims.app
            && tenant.instance_id() == &claims.instance
            && tenant.generation() == claims.generation;
        if same {
            Ok(ActiveInstall::new(tenant))
        } else {
            Err(SessionRefused::Ended)
        }
    }

    /// Uses a launch token up. Of many that try at once, one succeeds.
    pub async fn use_launch(&self, launch: VerifiedLaunch) -> Result<FirstUse, UseRefused> {
        let mut tx = self.0.database.write().await?;
        launches::sweep(&mut tx, self.0.clock.now()).await?;
        let first = launches::use_once(&mut tx, launch.jti(), launch.expires()).await?;
        tx.commit().await?;
        if first {
            Ok(FirstUse { launch })
        } else {
            Err(UseRefused::AlreadyUsed)
        }
    }
}
