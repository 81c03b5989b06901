//! The system under test: the real installs over a real database, driven at the boundary below HTTP and above SQL.

use airlock_host::install::{
    Accepted, Attempt, Event as HostEvent, Installs, LaunchRefused, LaunchRequest, Receipt,
    ReceiveError, Tenant,
};
use airlock_host::model::{AppId, Clock as _, InstallId, InstanceId, Slug};
use airlock_host::secret::{ApiKey, PortalSession, VerifiedLaunch};
use airlock_host::store::installs::Proof;
use airlock_host::store::{Connection, outbox};
use serde_json::json;

use super::reference::{Fate, Hook, Outcome, Reference};
use super::step::{Cloud, Event, Place, Step, Told};
use super::world::World;

/// Long enough a look ahead to see all work that waits.
const EVER: std::time::Duration = std::time::Duration::from_hours(24 * 365);

/// Who takes work up here.
const WORKER: &str = "model";

/// Installs in a world, and the sessions that were opened in it.
pub(super) struct System<'w> {
    pub(super) world: &'w World,
    pub(super) installs: Installs,
    pub(super) sessions: Vec<(VerifiedLaunch, PortalSession)>,
}

pub(super) fn install_id(install: usize) -> InstallId {
    InstallId::parse(format!("instapp_{install}")).expect("an id")
}

pub(super) fn api_key(key: usize) -> String {
    format!("blnk_key_{key}_0123456789abcdef")
}

fn slug(place: Place) -> Slug {
    Slug::parse(["kyc", "alerts"][place.slug]).expect("a slug")
}

fn body(event: &Event) -> (Place, Vec<u8>) {
    let (place, body) = match event {
        Event::Install(Told {
            install,
            place,
            key,
            wide,
            word,
        }) => {
            let granted: &[&str] = if *wide {
                &["data:read", "data:write"]
            } else {
                &["data:read"]
            };
            let body = json!({
                "installed_app_id": install_id(*install).as_str(),
                "app_id": format!("app_{}", place.app),
                "instance_id": format!("instance_{}", place.instance),
                "api_key": api_key(*key),
                "granted_permissions": granted,
                "word": word,
                "idempotency_key": format!("install:instapp_{install}"),
            });
            (place, body)
        }
        Event::Uninstall { install, place } => {
            let body = json!({
                "installed_app_id": install_id(*install).as_str(),
                "app_id": format!("app_{}", place.app),
                "instance_id": format!("instance_{}", place.instance),
                "uninstalled_at": "2026-04-21T12:00:00Z",
                "idempotency_key": format!("uninstall:instapp_{install}"),
            });
            (place, body)
        }
    };
    (*place, body.to_string().into_bytes())
}

fn request(install: usize, place: Place) -> LaunchRequest {
    LaunchRequest {
        slug: slug(place),
        install: install_id(install),
        app: AppId::parse(format!("app_{}", place.app)).expect("an id"),
        instance: InstanceId::parse(format!("instance_{}", place.instance)).expect("an id"),
        organization: None,
        user: None,
    }
}

impl System<'_> {
    /// Does a step. `before` is what the reference was before it.
    pub(super) async fn step(&mut self, before: &Reference, step: &Step) -> Outcome {
        match step {
            Step::Tell(event) => self.tell(event).await,
            Step::Again(pick) => self.tell(&before.sent[pick % before.sent.len()]).await,
            Step::Prove { pick, cloud, dead } => {
                let at = before
                    .pick(Fate::Pending, *pick)
                    .expect("a pending attempt");
                self.prove(before, at, *cloud, *dead).await
            }
            Step::Forget(pick) => {
                let at = before
                    .pick(Fate::Pending, *pick)
                    .expect("a pending attempt");
                let attempt = self.attempt(before, at).await.expect("a pending attempt");
                self.installs.discard(attempt).await.expect("stored");
                Outcome::Nothing
            }
            Step::Restore { pick, cloud } => {
                let at = before
                    .pick(Fate::Revoked, *pick)
                    .expect("a revoked attempt");
                self.restore(before, at, *cloud).await
            }
            Step::Use { pick, cloud } => {
                self.key_used(before, *pick, *cloud).await;
                Outcome::Nothing
            }
            Step::Launch { install, place } => self.launch(*install, *place).await,
            Step::Deliver(pick) => {
                self.deliver(before, *pick).await;
                Outcome::Nothing
            }
            Step::Wait(_) | Step::Restart | Step::Crash { .. } => Outcome::Nothing,
        }
    }

    /// All that lives in memory is gone; the host starts again.
    pub(super) async fn restart(&mut self) {
        self.installs.database().close().await;
        self.installs = self.world.open().await;
    }

    async fn tell(&self, event: &Event) -> Outcome {
        let (place, body) = body(event);
        let event = HostEvent::parse(&body, None).expect("an event");
        match self.installs.receive(&slug(place), event).await {
            Ok(Receipt::Stored) => Outcome::Stored,
            Ok(Receipt::Ended) => Outcome::Ended,
            Ok(Receipt::Known) => Outcome::Known,
            Err(ReceiveError::Refused(_)) => Outcome::Refused,
            Err(ReceiveError::TooManyPending) => Outcome::Full,
            Err(ReceiveError::Keys(error)) => panic!("the keys: {error:?}"),
            Err(ReceiveError::Store(error)) => panic!("the database: {error:?}"),
        }
    }

    async fn attempt(&self, before: &Reference, at: usize) -> Option<Attempt> {
        let one = &before.attempts[at];
        let install = install_id(one.told.install);
        let found = self.installs.provable(&install, one.number).await;
        found.expect("the database answers")
    }

    /// What the intake does with Cloud's answer about a pending key.
    async fn prove(&self, before: &Reference, at: usize, cloud: Cloud, dead: bool) -> Outcome {
        let proof = match cloud {
            Cloud::Silent => return Outcome::Nothing,
            Cloud::Answered => Some(Proof::Answered),
            Cloud::Forbidden => Some(Proof::Forbidden),
            Cloud::Refused => None,
        };
        let attempt = self.attempt(before, at).await.expect("a pending attempt");
        let Some(proof) = proof else {
            self.installs
                .note_refused_attempt(&attempt)
                .await
                .expect("stored");
            return Outcome::Nothing;
        };
        let way = self.installs.in_the_way(&attempt, proof).await;
        let way = way.expect("the database answers");
        if way.is_some() && !(dead && proof == Proof::Answered) {
            self.installs
                .note_refused_attempt(&attempt)
                .await
                .expect("stored");
            return Outcome::Occupied;
        }
        let accepted = self.accept(attempt, proof, way.as_ref()).await;
        if accepted == Outcome::Foreign {
            let attempt = self.attempt(before, at).await.expect("a pending attempt");
            self.installs.discard(attempt).await.expect("stored");
        }
        accepted
    }

    async fn restore(&self, before: &Reference, at: usize, cloud: Cloud) -> Outcome {
        let attempt = self.attempt(before, at).await.expect("a revoked attempt");
        match cloud {
            Cloud::Silent | Cloud::Refused => Outcome::Nothing,
            Cloud::Answered => self.accept(attempt, Proof::Answered, None).await,
            Cloud::Forbidden => self.accept(attempt, Proof::Forbidden, None).await,
        }
    }

    async fn accept(&self, attempt: Attempt, proof: Proof, dead: Option<&Tenant>) -> Outcome {
        let accepted = self.installs.accept(attempt, proof, dead).await;
        match accepted.expect("the database answers") {
            Accepted::Active => Outcome::Accepted,
            Accepted::Occupied => Outcome::Occupied,
            Accepted::Foreign => Outcome::Foreign,
            Accepted::TooWeak => Outcome::TooWeak,
            Accepted::Gone => panic!("an attempt that stands is gone"),
        }
    }

    async fn key_used(&self, before: &Reference, pick: usize, cloud: Cloud) {
        let one = &before.attempts[pick % before.attempts.len()];
        let install = install_id(one.told.install);
        let stored = self.installs.stored(&install, one.number).await;
        let tenant = stored.expect("the database answers").expect("an attempt");
        if cloud == Cloud::Refused {
            let noted = self.installs.note_refused_key(&tenant).await;
            noted.expect("the database answers");
        } else {
            self.installs.note_answered(&tenant);
        }
    }

    async fn launch(&mut self, install: usize, place: Place) -> Outcome {
        let request = request(install, place);
        let active = match self.installs.active_for(&request).await {
            Ok(active) => active,
            Err(LaunchRefused::Unknown) => return Outcome::Unknown,
            Err(LaunchRefused::Unproven(_)) => return Outcome::Unproven,
            Err(LaunchRefused::Stale(error)) => {
                panic!("one host is never behind itself: {error:?}")
            }
            Err(LaunchRefused::Unavailable(error)) => panic!("the database: {error:?}"),
        };
        let claims = request.claims(&active);
        let (signer, now) = (&self.world.signer, self.world.clock.now());
        let token = signer.issue_launch(&claims, now);
        let launch = signer
            .verify_launch(token.as_str(), now)
            .expect("a good token");
        let first = self.installs.use_launch(launch.clone()).await;
        let issued = first.expect("a first use").issue_session(
            signer,
            now,
            std::time::Duration::from_mins(15),
        );
        let session = signer
            .verify_session(issued.cookie_value(), now)
            .expect("a good cookie");
        self.sessions.push((launch, session));
        Outcome::Launched
    }

    /// What the intake does with a hook that its guest has taken.
    async fn deliver(&self, before: &Reference, pick: usize) {
        let wanted = before.deliverable(pick).expect("a hook");
        let mut tx = self.transaction().await;
        let work = self.lease_all(&mut tx).await.into_iter().find(|work| {
            let hook = match work.kind {
                outbox::Kind::Prove => return false,
                outbox::Kind::Installed => Hook::Installed,
                outbox::Kind::Uninstalled => Hook::Uninstalled,
            };
            (work.install.clone(), work.attempt, hook) == (install_id(wanted.0), wanted.1, wanted.2)
        });
        let work = work.unwrap_or_else(|| panic!("{wanted:?} is owed and does not wait"));
        let done = outbox::finish(&mut tx, WORKER, &work).await;
        done.expect("stored");
        outbox::end_leases(&mut tx).await.expect("stored");
        tx.commit().await.expect("a commit");
    }

    /// All work that waits, due or not. Nothing is kept of the leases that this takes.
    pub(super) async fn waiting(&self) -> Vec<outbox::Work> {
        let mut tx = self.transaction().await;
        self.lease_all(&mut tx).await
    }

    async fn transaction(&self) -> sqlx::Transaction<'static, sqlx::Any> {
        let begun = self.installs.database().write().await;
        begun.expect("a transaction")
    }

    async fn lease_all(&self, connection: &mut Connection) -> Vec<outbox::Work> {
        let then = self.world.clock.now().plus(EVER);
        let mut work = Vec::new();
        for proofs in [true, false] {
            let leased = outbox::lease(connection, WORKER, proofs, then, then, 1000).await;
            work.extend(leased.expect("the database answers"));
        }
        work
    }

    /// Which key would be sent for an install now; none if it is not active.
    pub(super) async fn key_in_use(&self, install: usize, place: Place) -> Option<ApiKey> {
        let active = self
            .installs
            .active_for(&request(install, place))
            .await
            .ok()?;
        Some(
            active
                .open_key(&self.world.keyring)
                .expect("an active key opens"),
        )
    }
}
