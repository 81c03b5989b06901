//! What can be seen of installs, in the same form for the reference and for the system.

use std::collections::{BTreeMap, BTreeSet};

use airlock_host::secret::ApiKey;
use airlock_host::store::installs::{self, Proof};
use airlock_host::store::{outbox, pins};

use super::reference::{Fate, Hook, Reference};
use super::step::{Cloud, Place};
use super::system::{System, api_key, install_id};

const INSTALLS: usize = 3;
const KEYS: usize = 3;

/// An attempt as a row shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    place: Place,
    status: &'static str,
    granted: &'static str,
    /// Which key the row still holds, sealed; it must open for this very row.
    sealed: Option<usize>,
    proof: Option<&'static str>,
    refusals: i64,
}

/// Everything that can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// By install and attempt.
    rows: BTreeMap<(usize, i64), Row>,
    /// Of each install the attempt that an operator is shown.
    listed: BTreeMap<usize, (i64, &'static str)>,
    /// Which key a call would carry.
    used: BTreeMap<usize, usize>,
    pins: BTreeMap<usize, usize>,
    /// Attempts whose key is still to be proven.
    to_prove: BTreeSet<(usize, i64)>,
    hooks: BTreeSet<(usize, i64, Hook)>,
    sessions: Vec<bool>,
}

const READ: &str = "data:read";
const WIDE: &str = "data:read,data:write";

fn number_after(text: &str, prefix: &str) -> usize {
    let digits = text
        .strip_prefix(prefix)
        .unwrap_or_else(|| panic!("{text}"));
    digits.parse().expect("a number")
}

impl Seen {
    /// What should be seen.
    pub(super) fn expected(reference: &Reference) -> Self {
        let mut seen = Self {
            rows: BTreeMap::new(),
            listed: BTreeMap::new(),
            used: BTreeMap::new(),
            pins: reference.pins.clone(),
            to_prove: BTreeSet::new(),
            hooks: reference.owed(),
            sessions: reference.sessions.iter().map(|one| one.alive).collect(),
        };
        for one in &reference.attempts {
            let (install, status) = (one.told.install, word(one.fate));
            let row = Row {
                place: one.told.place,
                status,
                granted: if one.told.wide { WIDE } else { READ },
                sealed: one.fate.holds_key().then_some(one.told.key),
                proof: one.proof.map(|cloud| match cloud {
                    Cloud::Answered => "answered",
                    Cloud::Forbidden => "forbidden",
                    Cloud::Refused | Cloud::Silent => "none",
                }),
                refusals: one.refusals,
            };
            seen.rows.insert((install, one.number), row);
            let shown = reference.active(install).unwrap_or(one);
            let listed = seen
                .listed
                .entry(install)
                .or_insert((shown.number, word(shown.fate)));
            if reference.active(install).is_none() && one.number > listed.0 {
                *listed = (one.number, status);
            }
            match one.fate {
                Fate::Pending => {
                    seen.to_prove.insert((install, one.number));
                }
                Fate::Active => {
                    seen.used.insert(install, one.told.key);
                }
                _ => {}
            }
        }
        seen
    }

    /// What is seen.
    pub(super) async fn of(system: &System<'_>, reference: &Reference) -> Self {
        let mut seen = Self {
            rows: BTreeMap::new(),
            listed: BTreeMap::new(),
            used: BTreeMap::new(),
            pins: BTreeMap::new(),
            to_prove: BTreeSet::new(),
            hooks: BTreeSet::new(),
            sessions: Vec::new(),
        };
        for install in 0..INSTALLS {
            seen.look_at(system, install).await;
        }
        for line in system.installs.list().await.expect("the database answers") {
            let install = number_after(line.install.as_str(), "instapp_");
            let shown = (line.attempt, line.status.as_str());
            let twice = seen.listed.insert(install, shown);
            assert_eq!(twice, None, "an install stands there twice");
        }
        seen.read_pins(system).await;
        for work in system.waiting().await {
            let one = (
                number_after(work.install.as_str(), "instapp_"),
                work.attempt,
            );
            let status = seen.rows.get(&one).map(|row| row.status);
            match (work.kind, status) {
                // Proofs of what is proven and news of what has ended do nothing when they are taken up.
                (outbox::Kind::Prove, Some("pending")) => {
                    seen.to_prove.insert(one);
                }
                (outbox::Kind::Installed, Some("active" | "revoked")) => {
                    seen.hooks.insert((one.0, one.1, Hook::Installed));
                }
                (outbox::Kind::Uninstalled, _) => {
                    seen.hooks.insert((one.0, one.1, Hook::Uninstalled));
                }
                _ => {}
            }
        }
        assert!(
            system.sessions.len() >= reference.sessions.len(),
            "a session is missing"
        );
        for (launch, session) in &system.sessions {
            let lives = system.installs.session_install(session).is_ok();
            let opens = system.installs.launched_install(launch).is_ok();
            assert_eq!(lives, opens, "a launch and its session part");
            seen.sessions.push(lives);
        }
        seen
    }

    async fn look_at(&mut self, system: &System<'_>, install: usize) {
        let mut connection = system
            .installs
            .database()
            .read()
            .await
            .expect("a connection");
        let rows = installs::attempts_of(&mut connection, &install_id(install)).await;
        drop(connection);
        let mut at = None;
        for row in rows.expect("the database answers") {
            let place = Place {
                slug: usize::from(row.slug.as_str() != "kyc"),
                app: number_after(row.app.as_str(), "app_"),
                instance: number_after(row.instance.as_str(), "instance_"),
            };
            let stored = system.installs.stored(&row.install, row.attempt).await;
            let tenant = stored
                .expect("the database answers")
                .expect("the row is there");
            let sealed = row.api_key.is_some().then(|| {
                let key = tenant
                    .open_key(&system.world.keyring)
                    .expect("a sealed key opens for its row");
                which(system, &key)
            });
            at = Some(place);
            let row = Row {
                place,
                status: row.status.as_str(),
                granted: if row.granted.joined() == WIDE {
                    WIDE
                } else {
                    READ
                },
                sealed,
                proof: row.proof.map(|proof| match proof {
                    Proof::Answered => "answered",
                    Proof::Forbidden => "forbidden",
                }),
                refusals: row.refusals,
            };
            self.rows.insert((install, tenant.attempt()), row);
        }
        let Some(place) = at else { return };
        if let Some(key) = system.key_in_use(install, place).await {
            self.used.insert(install, which(system, &key));
        }
    }

    async fn read_pins(&mut self, system: &System<'_>) {
        let mut connection = system
            .installs
            .database()
            .read()
            .await
            .expect("a connection");
        for (number, name) in ["kyc", "alerts"].into_iter().enumerate() {
            let slug = airlock_host::model::Slug::parse(name).expect("a slug");
            let pin = pins::find(&mut connection, &slug).await;
            if let Some(app) = pin.expect("the database answers") {
                self.pins.insert(number, number_after(app.as_str(), "app_"));
            }
        }
    }
}

fn which(system: &System<'_>, key: &ApiKey) -> usize {
    let keyring = &system.world.keyring;
    let found = (0..KEYS).find(|number| {
        let known = ApiKey::parse(api_key(*number).into()).expect("a key");
        // Nothing of it is stored, so it needs no count.
        keyring.grant(keyring.newest_id(), 1);
        let permit = keyring.permit().expect("a use");
        keyring.matches_key(&permit.fingerprint_key(&known), key)
    });
    found.expect("a key that was told")
}

fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Pending => "pending",
        Fate::Active => "active",
        Fate::Revoked => "revoked",
        Fate::Superseded => "superseded",
        Fate::Uninstalled => "uninstalled",
    }
}
