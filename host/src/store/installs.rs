//! Table `installs`: one row for each attempt to install.

mod forget;

use std::collections::HashSet;

use sqlx::Row as _;

pub use forget::{forget_ended, forget_unproven};

use super::database::{Connection, Row};
use super::error::{Inconsistent, StoreError};
use crate::model::{AppId, GrantedScopes, InstallId, InstanceId, OrganizationId, Slug, UnixMillis};
use crate::secret::SealedBlob;

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Stored; its key is not proven yet.
    Pending,
    /// Proven: the app's install in this instance.
    Active,
    /// Another install of the same app and instance took over.
    Superseded,
    /// Ended by Cloud.
    Uninstalled,
    /// Its key was refused twice. A later success restores it.
    Revoked,
    /// Its key does not open: another master key, or an altered row.
    KeyUnreadable,
}

impl Status {
    const ALL: [Self; 6] = [
        Self::Pending,
        Self::Active,
        Self::Superseded,
        Self::Uninstalled,
        Self::Revoked,
        Self::KeyUnreadable,
    ];

    /// The status as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Superseded => "superseded",
            Self::Uninstalled => "uninstalled",
            Self::Revoked => "revoked",
            Self::KeyUnreadable => "key_unreadable",
        }
    }
}

/// How a key was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Cloud answered a read with 2xx: live, and bound to the instance.
    Answered,
    /// Cloud answered 403: live, but without `data:read`, or another instance's key.
    Forbidden,
}

impl Proof {
    fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Forbidden => "forbidden",
        }
    }
}

/// A row of `installs`.
#[derive(Debug, Clone)]
pub struct InstallRow {
    /// The installation.
    pub install: InstallId,
    /// Which attempt, from 1.
    pub attempt: i64,
    /// The app's slug.
    pub slug: Slug,
    /// The app as registered in Cloud.
    pub app: AppId,
    /// The instance.
    pub instance: InstanceId,
    /// The workspace, where Cloud told it.
    pub organization: Option<OrganizationId>,
    /// Where it stands.
    pub status: Status,
    /// The sealed key; none once the install has ended.
    pub api_key: Option<SealedBlob>,
    /// The part of the key that may be shown.
    pub api_key_prefix: String,
    /// The key's fingerprint.
    pub key_fingerprint: Vec<u8>,
    /// What the user granted.
    pub granted: GrantedScopes,
    /// Session generation.
    pub generation: i64,
    /// Rises with each change, from a random number on: the number of an attempt may be given again, this is not.
    pub row_version: i64,
    /// How the key was proven.
    pub proof: Option<Proof>,
    /// How often Cloud refused the key.
    pub refusals: i64,
    /// When it was stored.
    pub created_at: UnixMillis,
    /// When it last changed.
    pub updated_at: UnixMillis,
}

impl TryFrom<Row> for InstallRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let install: String = row.try_get("installed_app_id")?;
        let bad = |column| Inconsistent {
            table: "installs",
            column,
            row: install.clone(),
        };
        let status: String = row.try_get("status")?;
        let proof: Option<String> = row.try_get("proof")?;
        let granted: String = row.try_get("granted")?;
        let organization: Option<String> = row.try_get("organization_id")?;
        Ok(Self {
            attempt: row.try_get("attempt")?,
            slug: Slug::parse(row.try_get::<String, _>("app_slug")?)
                .map_err(|_| bad("app_slug"))?,
            app: AppId::parse(row.try_get::<String, _>("app_id")?).map_err(|_| bad("app_id"))?,
            instance: InstanceId::parse(row.try_get::<String, _>("instance_id")?)
                .map_err(|_| bad("instance_id"))?,
            organization: organization
                .map(OrganizationId::parse)
                .transpose()
                .map_err(|_| bad("organization_id"))?,
            status: Status::ALL
                .into_iter()
                .find(|known| known.as_str() == status)
                .ok_or_else(|| bad("status"))?,
            api_key: row
                .try_get::<Option<Vec<u8>>, _>("api_key_ct")?
                .map(SealedBlob::from_stored),
            api_key_prefix: row.try_get("api_key_prefix")?,
            key_fingerprint: row.try_get("key_fp")?,
            granted: GrantedScopes::parse(granted.split(',').filter(|name| !name.is_empty()))
                .map_err(|_| bad("granted"))?,
            generation: row.try_get("session_gen")?,
            row_version: row.try_get("row_version")?,
            proof: match proof.as_deref() {
                None => None,
                Some("answered") => Some(Proof::Answered),
                Some("forbidden") => Some(Proof::Forbidden),
                Some(_) => return Err(bad("proof").into()),
            },
            refusals: row.try_get("refusals")?,
            created_at: UnixMillis::new(row.try_get("created_at")?),
            updated_at: UnixMillis::new(row.try_get("updated_at")?),
            install: InstallId::parse(&install).map_err(|_| bad("installed_app_id"))?,
        })
    }
}

fn rows(rows: Vec<Row>) -> Result<Vec<InstallRow>, StoreError> {
    rows.into_iter().map(InstallRow::try_from).collect()
}

/// Stores a new attempt as it is given.
pub async fn insert(connection: &mut Connection, row: &InstallRow) -> Result<(), StoreError> {
    sqlx::query(
        "insert into installs (installed_app_id, attempt, app_slug, app_id, instance_id, organization_id, status,
             api_key_ct, api_key_prefix, key_fp, granted, session_gen, created_at, updated_at,
             row_version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14)",
    )
    .bind(row.install.as_str())
    .bind(row.attempt)
    .bind(row.slug.as_str())
    .bind(row.app.as_str())
    .bind(row.instance.as_str())
    .bind(row.organization.as_ref().map(OrganizationId::as_str))
    .bind(row.status.as_str())
    .bind(row.api_key.as_ref().map(SealedBlob::as_bytes))
    .bind(&row.api_key_prefix)
    .bind(&row.key_fingerprint)
    .bind(row.granted.joined())
    .bind(row.generation)
    .bind(row.created_at.get())
    .bind(row.row_version)
    .execute(connection)
    .await?;
    Ok(())
}

/// Every attempt of an install, newest first.
pub async fn attempts_of(
    connection: &mut Connection,
    install: &InstallId,
) -> Result<Vec<InstallRow>, StoreError> {
    rows(
        sqlx::query("select * from installs where installed_app_id = $1 order by attempt desc")
            .bind(install.as_str())
            .fetch_all(connection)
            .await?,
    )
}

/// One attempt.
pub async fn find(
    connection: &mut Connection,
    install: &InstallId,
    attempt: i64,
) -> Result<Option<InstallRow>, StoreError> {
    sqlx::query("select * from installs where installed_app_id = $1 and attempt = $2")
        .bind(install.as_str())
        .bind(attempt)
        .fetch_optional(connection)
        .await?
        .map(InstallRow::try_from)
        .transpose()
}

/// Every row with one status, oldest first.
pub async fn with_status(
    connection: &mut Connection,
    status: Status,
) -> Result<Vec<InstallRow>, StoreError> {
    rows(
        sqlx::query("select * from installs where status = $1 order by created_at, attempt")
            .bind(status.as_str())
            .fetch_all(connection)
            .await?,
    )
}

/// The next rows that were or became active and were changed after a change, each with the number of its own change, in
/// that order: `limit` of them, and those more that share the last one's number (as all do that never changed since
/// changes are counted). Of the changes up to `ended_until`, those that are not active any more are left out. Only a
/// shared database counts.
pub async fn changed_since(
    connection: &mut Connection,
    number: i64,
    ended_until: i64,
    limit: u32,
) -> Result<Vec<(i64, InstallRow)>, StoreError> {
    let rows = sqlx::query(
        "select * from installs where change > $1 and (change > $2 or status = 'active')
             and change <= (select max(change) from (
                 select change from installs where change > $1 and (change > $2 or status = 'active')
                 order by change limit $3) as following)
         order by change",
    )
    .bind(number)
    .bind(ended_until)
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| Ok((row.try_get("change")?, InstallRow::try_from(row)?)))
        .collect()
}

/// Which attempts are active.
pub async fn active(connection: &mut Connection) -> Result<HashSet<(InstallId, i64)>, StoreError> {
    let rows =
        sqlx::query("select installed_app_id, attempt from installs where status = 'active'")
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|row| {
            let install: String = row.try_get("installed_app_id")?;
            let parsed = InstallId::parse(&install).map_err(|_| Inconsistent {
                table: "installs",
                column: "installed_app_id",
                row: install,
            })?;
            Ok((parsed, row.try_get("attempt")?))
        })
        .collect()
}

/// The rows of one app in one instance that still hold a key, oldest first.
pub async fn living_at(
    connection: &mut Connection,
    slug: &Slug,
    instance: &InstanceId,
) -> Result<Vec<InstallRow>, StoreError> {
    rows(
        sqlx::query(
            "select * from installs where app_slug = $1 and instance_id = $2
                 and status in ('pending', 'active', 'revoked', 'key_unreadable') order by created_at, attempt",
        )
        .bind(slug.as_str())
        .bind(instance.as_str())
        .fetch_all(connection)
        .await?,
    )
}

/// The rows of an app of Cloud in one instance that still hold a key and belong to another slug than the given one: the
/// app was moved from there.
pub async fn living_elsewhere(
    connection: &mut Connection,
    app: &AppId,
    instance: &InstanceId,
    slug: &Slug,
) -> Result<Vec<InstallRow>, StoreError> {
    rows(
        sqlx::query(
            "select * from installs where app_id = $1 and instance_id = $2 and app_slug <> $3
                 and status in ('pending', 'active', 'revoked', 'key_unreadable') order by created_at, attempt",
        )
        .bind(app.as_str())
        .bind(instance.as_str())
        .bind(slug.as_str())
        .fetch_all(connection)
        .await?,
    )
}

/// The active installs of an app of Cloud, in whatever instance, under other slugs than the given one.
pub async fn active_elsewhere(
    connection: &mut Connection,
    app: &AppId,
    slug: &Slug,
) -> Result<Vec<InstallRow>, StoreError> {
    rows(
        sqlx::query(
            "select * from installs where app_id = $1 and status = 'active' and app_slug <> $2",
        )
        .bind(app.as_str())
        .bind(slug.as_str())
        .fetch_all(connection)
        .await?,
    )
}

/// Every install, its newest attempt only, in the order of their creation.
pub async fn list(connection: &mut Connection) -> Result<Vec<InstallRow>, StoreError> {
    rows(
        sqlx::query(
            "select * from installs as i where attempt = coalesce(
                 (select max(attempt) from installs as a where a.installed_app_id = i.installed_app_id and a.status = 'active'),
                 (select max(attempt) from installs as a where a.installed_app_id = i.installed_app_id))
             order by created_at, installed_app_id",
        )
        .fetch_all(connection)
        .await?,
    )
}

/// What a transition writes.
#[derive(Debug, Clone, Copy)]
pub struct Transition {
    to: Status,
    proof: Option<Proof>,
    end_sessions: bool,
    erase_key: bool,
    least_generation: i64,
}

impl Transition {
    /// The key was proven: the attempt is the install. Its generation is at least the given one.
    pub fn activation(proof: Proof, least_generation: i64) -> Self {
        Self {
            to: Status::Active,
            proof: Some(proof),
            end_sessions: false,
            erase_key: false,
            least_generation,
        }
    }

    /// Sessions end; the key stays sealed, since this may be undone.
    pub fn suspension(to: Status) -> Self {
        Self {
            to,
            proof: None,
            end_sessions: true,
            erase_key: false,
            least_generation: 0,
        }
    }

    /// Sessions end and the key is erased.
    pub fn end(to: Status) -> Self {
        Self {
            erase_key: true,
            ..Self::suspension(to)
        }
    }
}

/// Moves a row on if it is still as it was read: one compare-and-set on its version.
/// Answers the changed row, or none if somebody else was first.
pub async fn transition(
    connection: &mut Connection,
    row: &InstallRow,
    transition: Transition,
    now: UnixMillis,
) -> Result<Option<InstallRow>, StoreError> {
    sqlx::query(
        "update installs set
             status = $4,
             proof = coalesce($5, proof),
             session_gen = case when session_gen + $6 < $9 then $9 else session_gen + $6 end,
             api_key_ct = case when $7 = 1 then null else api_key_ct end,
             verified_at = case when $5 is null then verified_at else $8 end,
             uninstalled_at = case when $4 = 'uninstalled' then $8 else uninstalled_at end,
             row_version = row_version + 1,
             updated_at = $8
         where installed_app_id = $1 and attempt = $2 and row_version = $3
         returning *",
    )
    .bind(row.install.as_str())
    .bind(row.attempt)
    .bind(row.row_version)
    .bind(transition.to.as_str())
    .bind(transition.proof.map(Proof::as_str))
    .bind(i64::from(transition.end_sessions))
    .bind(i64::from(transition.erase_key))
    .bind(now.get())
    .bind(transition.least_generation)
    .fetch_optional(connection)
    .await?
    .map(InstallRow::try_from)
    .transpose()
}

/// The version that a new row begins with.
pub fn first_version() -> i64 {
    let random = u64::from_be_bytes(crate::secret::random_bytes());
    // Two bits stay free: the sign, and room to rise.
    i64::try_from(random >> 2).unwrap_or(1)
}

/// Notes one more refusal of a pending attempt's key.
pub async fn note_refusal(
    connection: &mut Connection,
    row: &InstallRow,
    now: UnixMillis,
) -> Result<(), StoreError> {
    sqlx::query(
        "update installs set refusals = refusals + 1, updated_at = $4
         where installed_app_id = $1 and attempt = $2 and row_version = $3",
    )
    .bind(row.install.as_str())
    .bind(row.attempt)
    .bind(row.row_version)
    .bind(now.get())
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes an attempt that was never accepted.
pub async fn delete_pending(
    connection: &mut Connection,
    row: &InstallRow,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "delete from installs
         where installed_app_id = $1 and attempt = $2 and row_version = $3 and status = 'pending'",
    )
    .bind(row.install.as_str())
    .bind(row.attempt)
    .bind(row.row_version)
    .execute(&mut *connection)
    .await?;
    let deleted = done.rows_affected() == 1;
    if deleted {
        // The next attempt may get the same number, and its work must not be taken for work that was done.
        super::outbox::forget(connection, &row.install, row.attempt).await?;
    }
    Ok(deleted)
}
