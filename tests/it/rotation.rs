//! Master keys exchanged while the host runs: requests go on, a kill loses nothing, and in the end the old key may go.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use airlock_cloud_sim::{CloudSim, Options};
use airlock_test_database::{TestDatabase, on_both};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::cli_serve::{assert_refused, serve};
use crate::support::clients::CloudClient;
use crate::support::{Place, Portal, ProcessHost, TestInstall, keys, poll};

/// Attempts whose keys are to be sealed anew.
const ATTEMPTS: usize = 240;

/// A place whose master keys are in a file, so that they can be changed while the host runs.
fn place_with_key_file(sim: &CloudSim) -> Place {
    let place = Place::new(&sim.api_url());
    let file = place.folder.path().join("master-keys");
    fs::write(&file, &place.master_keys).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let path = file.to_str().unwrap().to_owned();
    place
        .set("AIRLOCK_MASTER_KEYS", "")
        .set("AIRLOCK_MASTER_KEYS_FILE", &path)
        .package("kyc")
}

/// Writes the keys and tells the host.
fn give(place: &Place, host: &ProcessHost, keys: &[&str]) {
    fs::write(place.folder.path().join("master-keys"), keys.join(",")).unwrap();
    host.signal("HUP");
}

/// The names of the keys that the host has been given.
fn configured(status: &Value) -> Vec<String> {
    let keys = status.as_array().unwrap().iter();
    let keys = keys.filter(|key| key["configured"] == true);
    keys.map(|key| key["key"].as_str().unwrap().to_owned())
        .collect()
}

async fn until_configured(host: &ProcessHost, expected: &[&str]) {
    poll::until(&format!("the host knows {expected:?}"), async || {
        (configured(&host.report("/keys").await) == expected).then_some(())
    })
    .await;
}

fn sealed(status: &Value, key: &str) -> u64 {
    let keys = status.as_array().unwrap().iter();
    let counts = keys
        .filter(|status| status["key"] == key)
        .flat_map(|status| {
            let counts = status["sealed"].as_object().unwrap().values();
            counts.map(|count| count.as_u64().unwrap())
        });
    counts.sum()
}

/// Requests without a pause, until told to stop. Answers how many there were.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    /// A portal that needs the install's key at each call, and events that seal new ones.
    fn begin(portal: &Portal, cloud: &CloudClient, app: &str) -> Self {
        let (stop, done) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let (portal, cloud, app) = (portal.clone(), cloud.clone(), app.to_owned());
        let again = |stop: &Arc<AtomicBool>, done: &Arc<AtomicUsize>| {
            let (stop, done) = (stop.clone(), done.clone());
            move || {
                done.fetch_add(1, Ordering::SeqCst);
                !stop.load(Ordering::SeqCst)
            }
        };
        let (calls, events) = (again(&stop, &done), again(&stop, &done));
        let calling = tokio::spawn(async move {
            while calls() {
                portal.get("identities").await.expect(200);
            }
        });
        let sending = tokio::spawn(async move {
            let mut number = 0;
            while events() {
                number += 1;
                let install = TestInstall::new(&format!("load_{number}")).app(&app);
                cloud.event(&install.install()).await.expect(200);
            }
        });
        Self {
            stop,
            done,
            tasks: vec![calling, sending],
        }
    }

    async fn until(&self, more: usize) {
        let goal = self.done.load(Ordering::SeqCst) + more;
        poll::until("requests go on", async || {
            (self.done.load(Ordering::SeqCst) >= goal).then_some(())
        })
        .await;
    }

    /// Any request that failed fails the test here.
    async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

on_both!(k4_keys_are_rotated_under_load_through_a_kill_and_the_old_one_goes);

#[expect(
    clippy::too_many_lines,
    reason = "one life of two keys, read from top to bottom"
)]
async fn k4_keys_are_rotated_under_load_through_a_kill_and_the_old_one_goes(
    database: TestDatabase,
) {
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let place = place_with_key_file(&sim).set("AIRLOCK_DATABASE__URL", database.url());
    let (old, new) = (
        place.master_keys.clone(),
        keys::generated('k').replace("k1:", "k2:"),
    );
    let host = place.serve().await;
    let app = host.register(&sim, "kyc").await;
    let scopes = ["data:read", "data:write", "alerts:write"];
    let install = sim.install(&app, &scopes).await.unwrap();
    let address = sim.launch(&install.installed_app_id).await.unwrap();
    let portal = Portal::open(&host.http, &address).await;
    let identity = portal.get("identities").await.expect(200).json()["items"][0]["id"].clone();
    let detail = format!("identities/{}", identity.as_str().unwrap());
    let decision = json!({ "decision": "review", "reason": "For the test.", "version": null });
    portal
        .post(&format!("{detail}/decision"), &decision)
        .await
        .expect(200);
    let history = portal.get(&detail).await.expect(200).json()["history"].clone();
    let cloud = host.cloud("kyc").await;
    let of_app = |number: usize| TestInstall::new(&format!("attempt_{number}")).app(&app);
    for number in 0..ATTEMPTS {
        cloud.event(&of_app(number).install()).await.expect(200);
    }

    // Only a new key first in the list seals; without the old one the list is refused and the host goes on.
    give(&place, &host, &[&new]);
    poll::until("the refusal stands in the log", async || {
        place
            .log_text()
            .contains("The keys were not exchanged")
            .then_some(())
    })
    .await;
    assert!(
        place.log_text().contains("need master key k1"),
        "{}",
        place.log_text()
    );
    portal.get("identities").await.expect(200);
    give(&place, &host, &[&new, &old]);
    until_configured(&host, &["k2", "k1"]).await;
    let total = sealed(&host.report("/keys").await, "k1");
    assert!(total > ATTEMPTS as u64, "{total}");

    // Midway: the small tables, the data key, a hundred keys; then a kill while the next hundred are under way.
    let mut done = 0;
    while done < 100 {
        done += host.change("/keys/rotate").await["resealed"]
            .as_u64()
            .unwrap();
    }
    let next = host.begin_change("/keys/rotate");
    host.kill();
    drop(next.await);
    let host = place.serve().await;
    let portal = Portal {
        http: host.http.clone(),
        ..portal
    };
    let status = host.report("/keys").await;
    let left = sealed(&status, "k1");
    // Among what was done is the fingerprint key of k1, which was nowhere before.
    assert!(
        left > 0 && left <= total - (done - 1),
        "{left} of {total} after {done}"
    );
    portal.get("identities").await.expect(200);
    assert_eq!(
        portal.get(&detail).await.expect(200).json()["history"],
        history
    );

    // The command finishes it, while requests go on that need old keys and seal new ones.
    let cloud = CloudClient {
        http: host.http.clone(),
        ..cloud
    };
    let load = Load::begin(&portal, &cloud, &app);
    load.until(20).await;
    let output = tokio::task::spawn_blocking({
        let mut command = place.command(&["keys", "rotate"]);
        move || command.output().unwrap()
    });
    let output = output.await.unwrap();
    load.until(20).await;
    load.end().await;
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains(&format!("Sealed {left} values under k2.")),
        "{said}"
    );
    assert!(said.contains("No longer needed: k1."), "{said}");
    assert_eq!(sealed(&host.report("/keys").await, "k1"), 0);

    // The old key goes: keys open, records open, and what it fingerprinted is still known.
    give(&place, &host, &[&new]);
    until_configured(&host, &["k2"]).await;
    portal.get("identities").await.expect(200);
    assert_eq!(
        portal.get(&detail).await.expect(200).json()["history"],
        history
    );
    let events = |status: &Value| -> u64 {
        let keys = status.as_array().unwrap().iter();
        keys.filter_map(|key| key["fingerprints"]["webhook_events"].as_u64())
            .sum()
    };
    let before = events(&host.report("/keys").await);
    cloud.event(&of_app(0).install()).await.expect(200);
    assert_eq!(
        events(&host.report("/keys").await),
        before,
        "a known event was stored again"
    );
    host.kill();
    let host = place.serve().await;
    let portal = Portal {
        http: host.http.clone(),
        ..portal
    };
    assert_eq!(
        portal.get(&detail).await.expect(200).json()["history"],
        history
    );
    assert!(host.stop().success());

    let file = place.folder.path().join("master-keys");
    fs::write(file, &old).unwrap();
    assert_refused(
        &serve(&place, &[]),
        &["master key k2", "in installs", "airlock keys rotate"],
    );
    for secret in [&old[3..], &new[3..]] {
        assert!(
            !place.log_text().contains(secret),
            "a key stands in the log"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_without_a_host_and_mistakes_are_told() {
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let mut place = Place::new(&sim.api_url()).dud("kyc");
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    cloud
        .event(&TestInstall::new("1").install())
        .await
        .expect(200);
    let status = place.json(&["keys", "status", "--format", "json"]);
    assert_eq!(configured(&status), ["k1"]);
    assert_eq!(status[0]["removable"], false);
    assert!(status[0]["uses"].as_u64().unwrap() >= 5, "{status}");
    // The running host does not know the key that the command was given.
    let old = place.master_keys.clone();
    let new = keys::generated('k').replace("k1:", "k2:");
    place.master_keys = format!("{new},{old}");
    let refused = place.run(&["keys", "rotate"]);
    assert_refused(&refused, &["seals with k1", "is k2", "SIGHUP"]);
    assert!(host.stop().success());

    let output = place.run(&["keys", "rotate"]);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    // An install, two addresses, the check, and the fingerprint key of k1.
    assert!(
        output.status.success() && said.contains("Sealed 5 values under k2."),
        "{said}"
    );
    let again = place.run(&["keys", "rotate"]);
    let said = String::from_utf8(again.stdout).unwrap();
    assert!(said.contains("sealed under k2 already"), "{said}");
    let table = String::from_utf8(place.run(&["keys", "status"]).stdout).unwrap();
    assert!(table.contains("yes: nothing needs it any more"), "{table}");
    place.master_keys = new;
    let host = place.serve().await;
    let cloud_now = host.cloud("kyc").await;
    assert_eq!(cloud_now.callback, cloud.callback, "the addresses stay");
    assert!(host.stop().success());
}
