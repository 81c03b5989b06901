//! The master keys against the database: are they the right ones, which rows need which, and may one go.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::endpoints;
use super::guest_store::key_place;
use super::key_use::{KeyUse, KeyUseError};
use super::lifecycle::Installs;
use super::tenant::owner;
use crate::model::InstallId;
use crate::secret::sealed::header;
use crate::secret::{Keyring, SealedBlob};
use crate::store::installs::InstallRow;
use crate::store::reseal::{self, KeyRows};
use crate::store::{
    Connection, Database, StoreError, endpoints as endpoint_rows, fingerprint_keys, key_check,
    key_numbers, key_usage,
};

/// The text whose sealed form tells a wrong master key.
pub(super) const CHECK: &[u8] = b"airlock key check";
pub(super) const CHECK_PLACE: [&str; 3] = ["key_check", "check", "1"];
/// Values of one table that are tried before a key is taken for another one.
const SAMPLES: u32 = 100;

/// The master keys do not fit the database.
#[derive(Debug, thiserror::Error)]
pub enum WrongKeys {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing can be sealed with the newest.
    #[error(transparent)]
    Use(#[from] KeyUseError),
    /// None of the master keys opens what is stored.
    #[error(
        "none of the master keys opens this database: it was made with another key; \
         try: the AIRLOCK_MASTER_KEYS that it was made with"
    )]
    Wrong,
    /// A key opens nothing of what was sealed under its name.
    #[error(
        "master key k{0} opens none of the values that were sealed under its name: it is another key; \
         try: in AIRLOCK_MASTER_KEYS, the k{0} that they were sealed with"
    )]
    Other(u32),
    /// The number of a key stands for another key.
    #[error(
        "master key k{0} is another key than the k{0} that this database knows: a second host may have it, or an earlier start; \
         try: that key, or give yours another number"
    )]
    Taken(u32),
    /// Rows still need keys that are not there.
    #[error(
        "{0}; try: add the missing key to the end of AIRLOCK_MASTER_KEYS, start, and then: airlock keys rotate"
    )]
    Missing(String),
}

impl From<sqlx::Error> for WrongKeys {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Checks the master keys against everything that is stored, before anything is stored under them. A new database gets
/// the record by which the next start tells a wrong key.
pub(super) async fn check(
    database: &Database,
    keyring: &Keyring,
    uses: &KeyUse,
) -> Result<(), WrongKeys> {
    let stored = fits(&mut *database.read().await?, keyring).await?;
    take_number(database, keyring).await?;
    if !stored {
        let (mut tx, mut batch) = uses.begin(1).await?;
        // Another host may have been quicker; then its key must fit.
        if !fits(&mut tx, keyring).await? {
            let permit = batch.permit().map_err(KeyUseError::from)?;
            let blob = permit.seal_value(&CHECK_PLACE, CHECK);
            key_check::insert(&mut tx, &blob).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

/// Notes which key the number of the newest stands for, before anything is sealed under it. Of two hosts that come with
/// two keys of one number, the second one is refused.
pub(super) async fn take_number(database: &Database, keyring: &Keyring) -> Result<(), WrongKeys> {
    let marks = keyring.marks();
    let Some((id, mark)) = marks.first() else {
        return Ok(());
    };
    let is_taken = |taken: Vec<(u32, Vec<u8>)>| {
        let mut taken = taken.iter();
        taken.any(|(number, known)| number == id && known == mark)
    };
    if is_taken(key_numbers::list(&mut *database.read().await?).await?) {
        return Ok(());
    }
    let mut tx = database.write().await?;
    // Another host may have been quicker; then its key must be this one.
    fits(&mut tx, keyring).await?;
    if !is_taken(key_numbers::list(&mut tx).await?) {
        key_numbers::take(&mut tx, *id, mark).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Whether the keys open the check record, and every row has its key; false where there is no record yet. Keeps the
/// fingerprint keys of master keys that are gone.
pub(super) async fn fits(
    connection: &mut Connection,
    keyring: &Keyring,
) -> Result<bool, WrongKeys> {
    let check = key_check::find(connection).await?;
    let check_fits = check.as_ref().map(|blob| {
        let plain = keyring.open_value(&CHECK_PLACE, blob);
        plain.is_ok_and(|plain| plain.as_slice() == CHECK)
    });
    let check_key = check.as_ref().and_then(SealedBlob::key_id);
    let is_there = |id: u32| keyring.ids().contains(&id);
    if check_fits == Some(false) && check_key.is_none_or(is_there) {
        return Err(WrongKeys::Wrong);
    }
    for (id, blob) in fingerprint_keys::list(connection).await? {
        if keyring.keep_fingerprint_key(id, &blob).is_err() && blob.key_id().is_some_and(is_there) {
            warn!(
                alarm = true,
                "The kept fingerprint key of k{id} does not open: its row was altered"
            );
        }
    }
    let mut needs = reseal::sealed(connection).await?;
    let named: BTreeSet<u32> = needs.iter().map(|need| need.key).collect();
    for id in named {
        // The check record has spoken for its own key.
        if is_there(id) && check_key != Some(id) && !is_right(connection, keyring, id).await? {
            return Err(WrongKeys::Other(id));
        }
    }
    let marks = keyring.marks();
    for (number, mark) in key_numbers::list(connection).await? {
        let is_another = |(id, own): &(u32, Vec<u8>)| *id == number && *own != mark;
        if marks.iter().any(is_another) {
            return Err(WrongKeys::Taken(number));
        }
    }
    needs.retain(|need| !is_there(need.key));
    let mut prints = reseal::fingerprints(connection).await?;
    prints.retain(|need| !keyring.can_compare(need.key));
    if needs.is_empty() && prints.is_empty() {
        return Ok(check.is_some());
    }
    Err(WrongKeys::Missing(missing(&needs, &prints)))
}

/// Whether the key of that number is the one that sealed what is stored under it: it is known from its kept fingerprint
/// key, or one of the values opens. Rows may have been altered, so that one does not open says nothing.
async fn is_right(
    connection: &mut Connection,
    keyring: &Keyring,
    id: u32,
) -> Result<bool, StoreError> {
    if keyring.is_kept(id) {
        return Ok(true);
    }
    let header = header(id);
    let rows = reseal::installs_under(connection, header, SAMPLES).await?;
    let opens = |row: &InstallRow| {
        let blob = row.api_key.as_ref();
        blob.is_some_and(|blob| keyring.open(&owner(row), blob).is_ok())
    };
    if rows.iter().any(opens) {
        return Ok(true);
    }
    for (install, wrapped) in reseal::data_keys_under(connection, header, SAMPLES).await? {
        let place = InstallId::parse(&install);
        if place.is_ok_and(|install| keyring.open_value(&key_place(&install), &wrapped).is_ok()) {
            return Ok(true);
        }
    }
    for row in endpoint_rows::list(connection).await? {
        let place = endpoints::place_of(&row);
        let place = place.each_ref().map(String::as_str);
        if row.secret.key_id() == Some(id) && keyring.open_value(&place, &row.secret).is_ok() {
            return Ok(true);
        }
    }
    let kept = fingerprint_keys::list(connection).await?;
    Ok(kept.iter().any(|(of, blob)| {
        blob.key_id() == Some(id) && keyring.keep_fingerprint_key(*of, blob).is_ok()
    }))
}

/// Names each missing key with the rows that need it.
fn missing(needs: &[KeyRows], prints: &[KeyRows]) -> String {
    let keys: BTreeSet<u32> = needs.iter().chain(prints).map(|need| need.key).collect();
    let mut text = String::new();
    for key in keys {
        let of_key = |rows: &[KeyRows]| -> Vec<KeyRows> {
            rows.iter()
                .filter(|rows| rows.key == key)
                .copied()
                .collect()
        };
        let (needs, prints) = (of_key(needs), of_key(prints));
        let rows: u64 = needs.iter().chain(&prints).map(|need| need.rows).sum();
        let tables = needs
            .iter()
            .map(|need| format!("{} in {}", need.rows, need.table))
            .chain(
                prints
                    .iter()
                    .map(|print| format!("{} fingerprints in {}", print.rows, print.table)),
            );
        let tables: Vec<String> = tables.collect();
        let begin = if text.is_empty() { "" } else { "; " };
        let _ = write!(
            text,
            "{begin}{rows} values need master key k{key}, which is not among the keys given ({})",
            tables.join(", ")
        );
    }
    text
}

/// One master key, as `keys status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    /// Its name, such as `k2`.
    pub key: String,
    /// Whether it is among the keys given.
    pub configured: bool,
    /// Whether it is the one that seals.
    pub newest: bool,
    /// How often it was used; counted ahead in blocks, so rather too high.
    pub uses: u64,
    /// Values that it seals, by table.
    pub sealed: BTreeMap<String, u64>,
    /// Fingerprints that it made, by table.
    pub fingerprints: BTreeMap<String, u64>,
    /// Whether it may be removed.
    pub removable: bool,
    /// Why not, or why it may.
    pub reason: String,
}

impl Installs {
    /// Every master key that is there or needed, newest first.
    pub async fn key_status(&self) -> Result<Vec<KeyStatus>, StoreError> {
        let mut connection = self.database().read().await?;
        let sealed = reseal::sealed(&mut connection).await?;
        let prints = reseal::fingerprints(&mut connection).await?;
        let kept = fingerprint_keys::list(&mut connection).await?;
        let configured = self.keyring().ids();
        let mut ids = configured.clone();
        let others: BTreeSet<u32> = sealed.iter().chain(&prints).map(|rows| rows.key).collect();
        ids.extend(
            others
                .into_iter()
                .rev()
                .filter(|id| !configured.contains(id)),
        );
        let mut found = Vec::new();
        for (position, id) in ids.into_iter().enumerate() {
            let newest = position == 0;
            let sealed = by_table(&sealed, id);
            let fingerprints = by_table(&prints, id);
            let is_kept = kept.iter().any(|(kept, _)| *kept == id);
            let (removable, reason) = verdict(
                newest,
                configured.contains(&id),
                sealed.values().sum(),
                is_kept || fingerprints.is_empty(),
            );
            found.push(KeyStatus {
                key: format!("k{id}"),
                configured: configured.contains(&id),
                newest,
                uses: key_usage::find(&mut connection, id).await?,
                sealed,
                fingerprints,
                removable,
                reason: reason.to_owned(),
            });
        }
        Ok(found)
    }
}

fn by_table(rows: &[KeyRows], id: u32) -> BTreeMap<String, u64> {
    let own = rows.iter().filter(|rows| rows.key == id);
    own.map(|rows| (rows.table.to_owned(), rows.rows)).collect()
}

fn verdict(
    newest: bool,
    configured: bool,
    sealed: u64,
    comparable_without: bool,
) -> (bool, &'static str) {
    match (newest, configured) {
        (true, _) => (false, "it seals what is new"),
        (_, false) if sealed == 0 => (true, "it is gone; what it fingerprinted can be compared"),
        (_, false) => (false, "it is missing, and values need it"),
        _ if sealed > 0 => (false, "it seals values; try: airlock keys rotate"),
        _ if !comparable_without => (false, "its fingerprints need it; try: airlock keys rotate"),
        _ => (true, "nothing needs it any more"),
    }
}
