//! Making, changing and ending the secrets of addresses.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use sqlx::{Any, Transaction};
use zeroize::Zeroizing;

use super::rows::place;
use super::{EndpointKind, Endpoints, EndpointsError, KINDS, Rotated, newest_of};
use crate::install::task::to_its_end;
use crate::model::Slug;
use crate::secret::{UsePermit, random_name};
use crate::store::endpoints::{self, EndpointRow};
use crate::store::{Connection, audit};

/// Uses of the master key by one change: a secret for each address.
const CHANGE_USES: u64 = KINDS.len() as u64;
/// Apps whose addresses are made by one commit: a hundred statements, during which no other host of a shared database
/// writes.
const APPS_AT_ONCE: usize = 25;

impl Endpoints {
    /// Makes the secrets that an app lacks.
    pub async fn ensure(&self, slug: &Slug) -> Result<(), EndpointsError> {
        self.ensure_all([slug.clone()]).await
    }

    /// Makes the secrets that any of these apps lacks, those of many apps by one commit.
    pub async fn ensure_all(
        &self,
        slugs: impl IntoIterator<Item = Slug>,
    ) -> Result<(), EndpointsError> {
        let lacking = self.lacking(slugs);
        for slugs in lacking.chunks(APPS_AT_ONCE) {
            let (endpoints, slugs) = (self.clone(), slugs.to_vec());
            to_its_end(async move {
                let change = endpoints.make_missing(&slugs);
                endpoints.database.bounded(change).await
            })
            .await?;
        }
        Ok(())
    }

    /// Those of the apps that lack an address.
    fn lacking(&self, slugs: impl IntoIterator<Item = Slug>) -> Vec<Slug> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let have: HashSet<_> = known.iter().map(|own| (&own.slug, own.kind)).collect();
        let lacks = |slug: &Slug| KINDS.iter().any(|kind| !have.contains(&(slug, *kind)));
        slugs.into_iter().filter(lacks).collect()
    }

    async fn make_missing(&self, slugs: &[Slug]) -> Result<(), EndpointsError> {
        let _turn = self.turn.lock().await;
        let wanted = CHANGE_USES * slugs.len() as u64;
        let (mut tx, mut uses) = self.uses.begin(wanted).await?;
        let rows = endpoints::list(&mut tx).await?;
        // Another host may have been quicker.
        let have: HashSet<_> = rows.iter().map(|row| (&row.slug, &*row.kind)).collect();
        for slug in slugs {
            for kind in KINDS {
                if !have.contains(&(slug, kind.as_str())) {
                    self.make(&mut tx, slug, kind, 1, uses.permit()?).await?;
                }
            }
        }
        self.commit(tx).await
    }

    /// Makes a new secret for each address of an app. Those before work until they are retired.
    pub async fn rotate(&self, slug: &Slug) -> Result<Rotated, EndpointsError> {
        let (endpoints, slug) = (self.clone(), slug.clone());
        to_its_end(async move {
            let change = endpoints.make_newer(&slug);
            endpoints.database.bounded(change).await
        })
        .await
    }

    async fn make_newer(&self, slug: &Slug) -> Result<Rotated, EndpointsError> {
        let _turn = self.turn.lock().await;
        let (mut tx, mut uses) = self.uses.begin(CHANGE_USES).await?;
        let rows = endpoints::list(&mut tx).await?;
        let own = rows.iter().filter(|row| row.slug == *slug).count();
        match own {
            0 => return Ok(Rotated::Unknown),
            1 | 2 => {}
            _ => return Ok(Rotated::Two),
        }
        for kind in KINDS {
            let newest = newest_of(&rows, slug, kind).unwrap_or(0);
            self.make(&mut tx, slug, kind, newest + 1, uses.permit()?)
                .await?;
        }
        self.commit(tx).await?;
        Ok(Rotated::Made)
    }

    /// Ends every secret of an app but the newest of each address.
    pub async fn retire(&self, slug: &Slug) -> Result<Rotated, EndpointsError> {
        let (endpoints, slug) = (self.clone(), slug.clone());
        to_its_end(async move {
            let change = endpoints.end_older(&slug);
            endpoints.database.bounded(change).await
        })
        .await
    }

    async fn end_older(&self, slug: &Slug) -> Result<Rotated, EndpointsError> {
        let _turn = self.turn.lock().await;
        let mut tx = self.database.write().await?;
        let rows = endpoints::list(&mut tx).await?;
        let mut retired = 0;
        let mut is_known = false;
        for kind in KINDS {
            let Some(newest) = newest_of(&rows, slug, kind) else {
                continue;
            };
            is_known = true;
            let ended = endpoints::retire_before(&mut tx, slug, kind.as_str(), newest).await?;
            if ended > 0 {
                let now = self.clock.now();
                let detail = kind.as_str();
                audit::append(&mut tx, "address_retired", Some(slug), None, detail, now).await?;
            }
            retired += ended;
        }
        self.commit(tx).await?;
        Ok(if is_known {
            Rotated::Retired(retired)
        } else {
            Rotated::Unknown
        })
    }

    /// Commits, and reads what stands there then. Also where the commit failed: it may have come through all the same.
    async fn commit(&self, tx: Transaction<'static, Any>) -> Result<(), EndpointsError> {
        // Before the commit: it may be given up in the middle.
        self.behind.store(true, Ordering::Relaxed);
        let committed = tx.commit().await;
        self.reload_in_turn().await?;
        Ok(committed?)
    }

    async fn make(
        &self,
        tx: &mut Connection,
        slug: &Slug,
        kind: EndpointKind,
        revision: i64,
        permit: UsePermit,
    ) -> Result<(), EndpointsError> {
        let secret = Zeroizing::new(random_name());
        let place = place(kind, slug, revision);
        let place = place.each_ref().map(String::as_str);
        let row = EndpointRow {
            slug: slug.clone(),
            kind: kind.as_str().to_owned(),
            revision,
            secret: permit.seal_value(&place, secret.as_bytes()),
            last_used: None,
        };
        let now = self.clock.now();
        endpoints::insert(tx, &row, now).await?;
        let detail = kind.as_str();
        audit::append(tx, "address_made", Some(slug), None, detail, now).await?;
        Ok(())
    }
}
