//! The host is killed with SIGKILL in the middle of a KYC decision, and started again in the same place.

use std::time::Duration;

use airlock_cloud_sim::{CloudSim, Options, WriteGate};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{Answer, Place, Portal, ProcessHost, Wire};

const REASON: &str = "A person must look.";

/// A KYC app in a host that may be killed, with one open portal and one identity to decide about.
struct Review {
    sim: CloudSim,
    wire: Wire,
    place: Place,
    host: ProcessHost,
    portal: Portal,
    identity: String,
}

impl Review {
    async fn begin() -> Self {
        let sim = CloudSim::start(Options::default()).await.unwrap();
        let wire = Wire::start(sim.api_url()).await;
        let place = Place::new(&wire.api_url()).package("kyc");
        let host = place.serve().await;
        let app = host.register(&sim, "kyc").await;
        let install = sim
            .install(&app, &["data:read", "data:write", "alerts:write"])
            .await
            .unwrap();
        let address = sim.launch(&install.installed_app_id).await.unwrap();
        let portal = Portal::open(&host.http, &address).await;
        let list = portal.get("identities").await.expect(200).json();
        let identity = list["items"][0]["id"].as_str().unwrap().to_owned();
        Self {
            sim,
            wire,
            place,
            host,
            portal,
            identity,
        }
    }

    /// Decides, without waiting for the answer: it may never come.
    fn decide(&self) -> JoinHandle<reqwest::Result<Answer>> {
        let (portal, path) = (
            self.portal.clone(),
            format!("identities/{}/decision", self.identity),
        );
        let body = json!({ "decision": "review", "reason": REASON, "version": null });
        let ask = portal.ask("POST", &path).json(&body);
        tokio::spawn(async move { portal.http.try_send(ask).await })
    }

    /// Kills the host and starts it again. The open portal goes on with the same cookie.
    async fn kill_and_start(self) -> Self {
        let Self {
            sim,
            wire,
            place,
            host,
            portal,
            identity,
        } = self;
        host.kill();
        let host = place.serve().await;
        let portal = Portal {
            http: host.http.clone(),
            ..portal
        };
        Self {
            sim,
            wire,
            place,
            host,
            portal,
            identity,
        }
    }

    async fn detail(&self) -> Value {
        self.portal
            .get(&format!("identities/{}", self.identity))
            .await
            .expect(200)
            .json()
    }

    async fn resume(&self) -> Value {
        let path = format!("identities/{}/resume", self.identity);
        let done = self.portal.post(&path, &json!({})).await.expect(200).json();
        self.portal.post(&path, &json!({})).await.expect(409);
        done
    }

    fn metadata(&self) -> Value {
        self.sim.identity(&self.identity).unwrap()["meta_data"]["kyc_app"].clone()
    }

    /// Alerts about the identity.
    fn alerts(&self) -> usize {
        self.sim
            .alerts()
            .iter()
            .filter(|alert| alert.to_string().contains(&self.identity))
            .count()
    }

    /// Applied writes whose path contains a text.
    fn writes(&self, matching: &str) -> usize {
        self.sim
            .writes()
            .iter()
            .filter(|write| write.path.contains(matching))
            .count()
    }

    /// What must hold in the end, however it came about.
    fn assert_done(&self, done: &Value, alert: &str, alerts: usize) {
        assert_eq!(
            (&done["unfinished"], &done["status"]),
            (&Value::Null, &json!("review"))
        );
        let history = done["history"].as_array().unwrap();
        assert_eq!(history.len(), 1, "{done}");
        assert_eq!(
            (&history[0]["alert"]["state"], &history[0]["reason"]),
            (&json!(alert), &json!(REASON))
        );
        assert_eq!(
            self.metadata()["case_id"],
            history[0]["case"],
            "one decision, one object"
        );
        assert_eq!(self.alerts(), alerts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_intent_a_decision_is_resumed_whole() {
    let review = Review::begin().await;
    review.wire.keep_back("metadata");
    review.decide();
    review.wire.wait_until_kept_back(1).await;
    let review = review.kill_and_start().await;
    assert_eq!((review.metadata(), review.alerts()), (Value::Null, 0));
    assert_eq!(review.detail().await["unfinished"]["step"], "intent");
    let done = review.resume().await;
    review.assert_done(&done, "raised", 1);
    assert_eq!(review.writes("metadata"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_metadata_was_written_it_is_not_written_again() {
    let review = Review::begin().await;
    review
        .sim
        .set_switches(|switches| switches.write_gate = Some(WriteGate::hold("metadata")));
    review.decide();
    assert!(review.sim.wait_until_held(Duration::from_mins(1)).await);
    let written = review.metadata();
    assert_eq!(written["reason"], REASON);
    let review = review.kill_and_start().await;
    assert_eq!(review.detail().await["unfinished"]["step"], "intent");
    let done = review.resume().await;
    assert_eq!(review.metadata(), written);
    review.assert_done(&done, "raised", 1);
    let sent = review
        .wire
        .heard()
        .iter()
        .filter(|one| one.target.contains("metadata"))
        .count();
    assert_eq!(sent, 1, "what is there is not sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_alert_was_sent_again_it_is_sent_once() {
    let review = Review::begin().await;
    review.sim.set_switches(|switches| {
        switches.inject_status = 429;
        switches.inject_matching = Some("/alerts/".to_owned());
    });
    // Cloud has certainly not raised it, so the record goes back to the step before.
    review.decide().await.unwrap().unwrap().expect(429);
    assert_eq!(review.detail().await["unfinished"]["step"], "metadata");
    let review = review.kill_and_start().await;
    review
        .sim
        .set_switches(|switches| switches.inject_status = 0);
    assert_eq!(review.detail().await["unfinished"]["alert"], "none");
    let done = review.resume().await;
    review.assert_done(&done, "raised", 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_alert_was_on_its_way_it_is_unknown_and_never_resent() {
    let review = Review::begin().await;
    review.wire.keep_back("/alerts");
    review.decide();
    review.wire.wait_until_kept_back(1).await;
    let review = review.kill_and_start().await;
    let unfinished = review.detail().await["unfinished"].clone();
    assert_eq!(
        (&unfinished["step"], &unfinished["alert"]),
        (&json!("alert"), &json!("unknown"))
    );
    let done = review.resume().await;
    review.assert_done(&done, "unknown", 0);
    let sent = review
        .wire
        .heard()
        .iter()
        .filter(|one| one.target.contains("/alerts"))
        .count();
    assert_eq!(sent, 1, "the one that was kept back");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_alert_was_raised_there_is_one_and_the_record_says_unknown() {
    let review = Review::begin().await;
    review
        .sim
        .set_switches(|switches| switches.write_gate = Some(WriteGate::hold("/alerts")));
    review.decide();
    assert!(review.sim.wait_until_held(Duration::from_mins(1)).await);
    let review = review.kill_and_start().await;
    let done = review.resume().await;
    review.assert_done(&done, "unknown", 1);
    assert!(done["history"][0]["alert"]["why"].is_string());
    assert_eq!(
        review.detail().await["history"],
        done["history"],
        "it stays so"
    );
}
