//! Rotation: everything is sealed anew under the newest master key, a hundred values at a time, while requests go on.
//!
//! A step is one transaction, and each value is replaced only where it is still the one that was read. So a rotation
//! that was killed leaves every value readable under one key or the other, and the next one goes on where it ended.
//! The records of apps stay as they are: their data keys are wrapped anew.

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::endpoints;
use super::guest_store::key_place;
use super::key_use::KeyUseError;
use super::keys::{CHECK, CHECK_PLACE, WrongKeys, fits};
use super::lifecycle::Installs;
use super::task::to_its_end;
use super::tenant::{Tenant, owner};
use crate::model::InstallId;
use crate::secret::SealedBlob;
use crate::store::installs::{self, InstallRow, Status, Transition};
use crate::store::reseal;
use crate::store::{
    Connection, StoreError, audit, endpoints as endpoint_rows, fingerprint_keys, key_check,
};

/// Values of one step.
const BATCH: u32 = 100;
/// Uses of the newest key that a step takes at most; what it leaves goes back.
const STEP_USES: u64 = 2 * BATCH as u64;

/// What one step did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationStep {
    /// The key under which everything comes, such as `k2`.
    pub newest: String,
    /// Values that were sealed anew.
    pub resealed: u64,
    /// Installs whose key opens with no key that is here. They are marked `key_unreadable`.
    pub marked: u64,
    /// Values that are still under another key. Where a step did nothing, those can't be opened.
    pub remaining: u64,
}

impl Installs {
    /// Seals up to a hundred values anew. Nothing is left to do once a step did nothing. A step that was begun is done
    /// to its end, also where nobody waits for it any more.
    pub async fn rotate(&self) -> Result<RotationStep, WrongKeys> {
        let installs = self.clone();
        to_its_end(async move { installs.rotate_step().await }).await
    }

    async fn rotate_step(&self) -> Result<RotationStep, WrongKeys> {
        let database = self.database();
        // On a shared database another host may know a newer key: what it sealed is not this one's to judge.
        database.bounded(self.keys_fit()).await?;
        let (mut resealed, mut marked) = (database.bounded(self.reseal_small()).await?, 0);
        if resealed == 0 {
            resealed = database.bounded(self.reseal_data_keys()).await?;
        }
        if resealed == 0 {
            (resealed, marked) = database.bounded(self.reseal_installs()).await?;
        }
        let newest = self.0.keyring.newest_id();
        let rows = reseal::sealed(&mut *self.0.database.read().await?).await?;
        let others = rows.iter().filter(|rows| rows.key != newest);
        let remaining = others.map(|rows| rows.rows).sum();
        if remaining == 0 && resealed > 0 {
            info!("Everything is sealed under master key k{newest}");
        }
        Ok(RotationStep {
            newest: format!("k{newest}"),
            resealed,
            marked,
            remaining,
        })
    }

    async fn keys_fit(&self) -> Result<(), WrongKeys> {
        let mut connection = self.0.database.read().await?;
        fits(&mut connection, &self.0.keyring).await?;
        Ok(())
    }

    /// The tables with a row or two for each key or app: all of them in one go, but no more than a batch.
    async fn reseal_small(&self) -> Result<u64, KeyUseError> {
        let keyring = &self.0.keyring;
        let (mut tx, mut uses) = self.0.uses.begin(STEP_USES).await?;
        let newest = keyring.newest_id();
        let mut resealed = 0;
        let kept = fingerprint_keys::list(&mut tx).await?;
        for key in keyring.older_fingerprint_keys() {
            let is_fresh =
                |(id, blob): &(u32, SealedBlob)| *id == key.id() && blob.key_id() == Some(newest);
            let is_elsewhere =
                |(id, blob): &(u32, SealedBlob)| *id == key.id() && keyring.lacks_key_of(blob);
            let is_done = kept.iter().any(is_fresh) || kept.iter().any(is_elsewhere);
            if resealed < u64::from(BATCH) && !is_done {
                let sealed = uses.permit()?.seal_fingerprint_key(&key);
                fingerprint_keys::put(&mut tx, key.id(), &sealed).await?;
                resealed += 1;
            }
        }
        let check = key_check::find(&mut tx).await?;
        let is_old =
            |blob: SealedBlob| blob.key_id() != Some(newest) && !keyring.lacks_key_of(&blob);
        if check.is_some_and(is_old) {
            key_check::replace(&mut tx, &uses.permit()?.seal_value(&CHECK_PLACE, CHECK)).await?;
            resealed += 1;
        }
        let rows = endpoint_rows::list(&mut tx).await?;
        let old = rows.iter().filter(|row| {
            row.secret.key_id() != Some(newest) && !keyring.lacks_key_of(&row.secret)
        });
        for row in old {
            if resealed >= u64::from(BATCH) {
                break;
            }
            let place = endpoints::place_of(row);
            let place = place.each_ref().map(String::as_str);
            let Ok(plain) = keyring.open_value(&place, &row.secret) else {
                warn!(app = %row.slug, alarm = true, "An address secret of {} does not open", row.slug);
                continue;
            };
            let sealed = uses.permit()?.seal_value(&place, &plain);
            resealed += u64::from(endpoint_rows::replace(&mut tx, row, &sealed).await?);
        }
        if resealed > 0 {
            self.note(&mut tx, &format!("k{newest}: {resealed} small values"))
                .await?;
        }
        tx.commit().await?;
        Ok(resealed)
    }

    async fn reseal_data_keys(&self) -> Result<u64, KeyUseError> {
        let keyring = &self.0.keyring;
        let (mut tx, mut uses) = self.0.uses.begin(STEP_USES).await?;
        let newest = keyring.newest_header();
        let (mut resealed, mut skip) = (0, 0);
        // Rows that do not open stay where they are; the next ones stand behind them.
        while resealed == 0 {
            let rows = reseal::data_keys(&mut tx, newest, BATCH, skip).await?;
            if rows.is_empty() {
                break;
            }
            skip += BATCH;
            for (install, wrapped) in rows {
                let Ok(install) = InstallId::parse(&install) else {
                    continue;
                };
                if keyring.lacks_key_of(&wrapped) {
                    continue;
                }
                let place = key_place(&install);
                let Ok(plain) = keyring.open_value(&place, &wrapped) else {
                    warn!(install.id = %install, alarm = true,
                        "The data key of {install} does not open: its records can't be read");
                    continue;
                };
                let sealed = uses.permit()?.seal_value(&place, &plain);
                let done = reseal::replace_data_key(&mut tx, &install, &wrapped, &sealed).await?;
                resealed += u64::from(done);
            }
        }
        if resealed > 0 {
            let detail = format!("k{}: {resealed} data keys", keyring.newest_id());
            self.note(&mut tx, &detail).await?;
        }
        tx.commit().await?;
        Ok(resealed)
    }

    /// API keys and their fingerprints. The live table learns of them before the next transition.
    async fn reseal_installs(&self) -> Result<(u64, u64), KeyUseError> {
        let keyring = &self.0.keyring;
        let (mut tx, mut uses) = self.0.uses.begin(STEP_USES).await?;
        let newest = keyring.newest_header();
        // As in every transition: first the writer, then the table.
        let _turn = self.0.turn.lock().await;
        let (mut resealed, mut marked) = (Vec::new(), Vec::new());
        for row in reseal::installs(&mut tx, newest, BATCH).await? {
            // Under a key that came to another host since the keys were checked: it opens there.
            let Some(old) = row.api_key.clone().filter(|old| !keyring.lacks_key_of(old)) else {
                continue;
            };
            let Ok(key) = keyring.open(&owner(&row), &old) else {
                self.mark(&mut tx, &row).await?;
                marked.push(row);
                continue;
            };
            let sealed = uses.permit()?.seal(&owner(&row), &key);
            let print = uses.permit()?.fingerprint_key(&key);
            if reseal::replace_install(&mut tx, &row, &old, &sealed, &print).await? {
                resealed.push(InstallRow {
                    api_key: Some(sealed),
                    key_fingerprint: print,
                    ..row
                });
            }
        }
        let counts = (resealed.len() as u64, marked.len() as u64);
        if counts.0 > 0 {
            let detail = format!("k{}: {} API keys", keyring.newest_id(), counts.0);
            self.note(&mut tx, &detail).await?;
        }
        tx.commit().await?;
        for row in marked {
            self.0.live.remove_attempt(&Tenant::new(row));
        }
        for row in resealed {
            self.0.live.replace(Tenant::new(row));
        }
        Ok(counts)
    }

    async fn mark(&self, tx: &mut Connection, row: &InstallRow) -> Result<(), StoreError> {
        let now = self.0.clock.now();
        let change = Transition::suspension(Status::KeyUnreadable);
        installs::transition(tx, row, change, now).await?;
        warn!(install.id = %row.install, app = %row.slug, alarm = true,
            "The key of install {} does not open: its row was altered. The user must install the app again", row.install);
        let (slug, install) = (Some(&row.slug), Some(&row.install));
        audit::append(tx, "key_unreadable", slug, install, "", now).await
    }

    async fn note(&self, tx: &mut Connection, detail: &str) -> Result<(), StoreError> {
        let now = self.0.clock.now();
        audit::append(tx, "resealed", None, None, detail, now).await
    }
}
