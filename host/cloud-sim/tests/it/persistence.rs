//! The state file.

use std::path::{Path, PathBuf};

use airlock_cloud_sim::{CloudSim, Options, StartError};
use serde_json::json;

use crate::fake_app::FakeApp;
use crate::support::{ALL, Client};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("cloud-sim-{}", uuid::Uuid::new_v4())))
    }

    fn file(&self) -> PathBuf {
        self.0.join("inner/state.json")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

async fn start(file: &Path) -> Result<CloudSim, StartError> {
    CloudSim::start(Options {
        state_file: Some(file.to_owned()),
        ..Options::default()
    })
    .await
}

#[tokio::test]
async fn apps_installs_keys_and_ledger_changes_survive_a_restart() {
    let (folder, app) = (Folder::new(), FakeApp::start().await);
    let sim = start(&folder.file()).await.unwrap();
    let app_id = app.register(&sim).await;
    let installed = sim.install(&app_id, &ALL).await.unwrap();
    let client = Client::new(&sim, &[]).await.with_key(&installed.api_key);
    let id = sim.identities()[0]["identity_id"]
        .as_str()
        .unwrap()
        .to_owned();
    client
        .post(
            &format!("/proxy/{id}/metadata"),
            json!({ "meta_data": { "kept": true } }),
        )
        .await;
    client
        .post(&format!("/alerts/flag/{id}"), json!({ "description": "d" }))
        .await;
    let (transactions, alerts) = (sim.transactions(), sim.alerts());
    sim.shutdown().await;

    let sim = start(&folder.file()).await.unwrap();
    assert_eq!(sim.identity(&id).unwrap()["meta_data"]["kept"], true);
    assert_eq!((sim.transactions(), sim.alerts()), (transactions, alerts));
    assert_eq!(
        sim.install_status(&installed.installed_app_id),
        Some("active")
    );
    let client = Client::new(&sim, &[]).await.with_key(&installed.api_key);
    assert_eq!(client.get("/data/ledgers").await.0, 200);
    sim.launch(&installed.installed_app_id).await.unwrap();
}

#[tokio::test]
async fn changes_are_written_without_a_shutdown_for_the_owner_only() {
    let folder = Folder::new();
    let sim = start(&folder.file()).await.unwrap();
    let issued = sim.issue_key(&["data:read"]).await;
    let file = folder.file();
    crate::support::until("the key is in the file", || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains(&issued.api_key))
    })
    .await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let names: Vec<_> = std::fs::read_dir(file.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        names.len() <= 2,
        "only the file and the one being written: {names:?}"
    );
}

#[tokio::test]
async fn a_queued_transaction_is_applied_after_a_restart() {
    let folder = Folder::new();
    let sim = start(&folder.file()).await.unwrap();
    sim.set_switches(|switches| switches.queue_delay_ms = 1_500);
    let client = Client::new(&sim, &ALL).await;
    let body = json!({ "amount": 5, "currency": "USD", "source": "@World", "destination": "@Fees", "allow_overdraft": true });
    let (_, queued) = client.post("/proxy/transactions", body).await;
    sim.shutdown().await;
    let sim = start(&folder.file()).await.unwrap();
    let client = Client::new(&sim, &ALL).await;
    let path = format!(
        "/data/transactions?parent_transaction_eq={}",
        queued["transaction_id"].as_str().unwrap()
    );
    let children = client.get_until(&path, |body| body["total"] == 1).await;
    assert_eq!(children["data"][0]["status"], "APPLIED");
}

#[tokio::test]
async fn a_damaged_file_is_named_with_what_to_do() {
    let folder = Folder::new();
    let file = folder.file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    for damage in [
        "{",
        "[]",
        "{}",
        r#"{"version":1,"state":{}}"#,
        r#"{"version":2,"state":{}}"#,
        "\u{0}\u{0}",
    ] {
        std::fs::write(&file, damage).unwrap();
        let Err(error) = start(&file).await else {
            unreachable!("a damaged file was taken: {damage}")
        };
        assert!(
            matches!(error, StartError::StateFileDamaged { .. }),
            "{damage}"
        );
        let text = error.to_string();
        assert!(
            text.contains(&file.display().to_string()) && text.contains("try: delete it"),
            "{text}"
        );
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            damage,
            "it is left as it is"
        );
    }
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let Err(error) = CloudSim::start(Options {
        listen: sim.address(),
        ..Options::default()
    })
    .await
    else {
        unreachable!("two simulations on one address");
    };
    assert!(error.to_string().contains(&sim.address().to_string()));
}

#[tokio::test]
async fn shutting_down_ends_although_someone_follows_the_events() {
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let url = format!("{}dashboard/api/events", sim.api_url());
    let stream = crate::support::http().get(url).send().await.unwrap();
    let address = sim.address();
    tokio::time::timeout(crate::support::GUARD, sim.shutdown())
        .await
        .unwrap();
    drop(stream);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
