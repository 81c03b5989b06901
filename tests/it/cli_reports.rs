//! What the reading commands print: the JSON that scripts lean on, the same whether or not a host runs.

use std::fs;
use std::process::Output;

use airlock_cloud_sim::{CloudSim, Options};
use serde_json::{Value, json};

use crate::support::place::command;
use crate::support::{Place, TestInstall};

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(both).unwrap()
}

#[track_caller]
fn assert_keys(object: &Value, expected: &[&str]) {
    for key in expected {
        assert!(object.get(key).is_some(), "{key} is missing in {object:#}");
    }
}

/// What `config check` says of a key: value and origin.
fn checked(report: &Value, key: &str) -> (String, String) {
    let lines = report.as_array().unwrap();
    let line = lines
        .iter()
        .find(|line| line["key"] == key)
        .unwrap_or_else(|| panic!("no {key}"));
    let text = |name: &str| line[name].as_str().unwrap().to_owned();
    (text("value"), text("from"))
}

#[test]
fn config_check_shows_where_each_value_came_from_and_masks_secrets() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("airlock.toml"),
        "listen = \"127.0.0.1:1\"\nadmin_listen = \"127.0.0.1:2\"\n[session]\nttl = \"5m\"\n",
    )
    .unwrap();
    let secret = "k1:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=";
    let run = |format: &str| {
        let mut command = command(folder.path());
        command
            .env("AIRLOCK_ADMIN_LISTEN", "127.0.0.1:3")
            .env("AIRLOCK_LISTEN", "127.0.0.1:4");
        command
            .env("AIRLOCK_MASTER_KEYS", secret)
            .env("SESSION_SECRET", secret);
        command.args([
            "config",
            "check",
            "--format",
            format,
            "--listen",
            "127.0.0.1:5",
        ]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        output
    };
    let report: Value = serde_json::from_slice(&run("json").stdout).unwrap();
    assert_eq!(
        checked(&report, "listen"),
        ("\"127.0.0.1:5\"".to_owned(), "--listen".to_owned())
    );
    assert_eq!(checked(&report, "admin_listen").1, "AIRLOCK_ADMIN_LISTEN");
    assert!(checked(&report, "session.ttl").1.ends_with("airlock.toml"));
    assert_eq!(checked(&report, "plugins").1, "default");
    assert_eq!(checked(&report, "AIRLOCK_MASTER_KEYS").1, "environment");
    assert_eq!(checked(&report, "SESSION_SECRET").1, "environment");
    assert_eq!(checked(&report, "AIRLOCK_SESSION_SECRETS").0, "not set");
    for format in ["json", "table"] {
        let output = run(format);
        assert!(!said(&output).contains("MDEyMzQ"), "a secret is shown");
        assert!(said(&output).contains("cloud.api_url"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_have_the_promised_keys_with_and_without_a_running_host() {
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let place = Place::new(&sim.api_url()).package("kyc");
    let issued = sim.issue_key(&["data:read"]).await;
    let install = TestInstall::new("1")
        .key(&issued.api_key)
        .instance(&issued.instance_id);
    let shown = place.json(&["apps", "show", "kyc", "--format", "json"]);
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    cloud.event(&install.install()).await.expect(200);
    host.until_status(&install.id, "active").await;

    let running = reports(&place);
    assert_eq!(
        running[0]["callback_url"], shown["callback_url"],
        "made once, whoever looks first"
    );
    assert!(host.stop().success(), "SIGTERM is a way to stop");
    assert_eq!(reports(&place), running);

    let [app, list, installs] = running;
    assert_keys(
        &app,
        &[
            "slug",
            "version",
            "status",
            "reason",
            "callback_url",
            "portal_generator_url",
            "permissions",
            "sha256",
        ],
    );
    assert_eq!(
        (&app["status"], &app["reason"]),
        (&json!("serving"), &Value::Null)
    );
    assert_eq!(app["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(app["app_id"], install.app);
    let own = format!("{}/api/", place.origin());
    for (name, kind) in [
        ("callback_url", "callback"),
        ("portal_generator_url", "portal"),
    ] {
        assert!(
            app[name]
                .as_str()
                .unwrap()
                .starts_with(&format!("{own}{kind}/kyc/")),
            "{app}"
        );
    }
    assert_keys(&list[0], &["slug", "version", "status", "reason"]);
    assert_keys(
        &installs[0],
        &[
            "installed_app_id",
            "app",
            "app_id",
            "instance_id",
            "organization_id",
            "status",
            "granted_permissions",
            "api_key_prefix",
            "installed_at",
            "updated_at",
        ],
    );
    assert_eq!(installs[0]["status"], "active");
    assert_eq!(installs[0]["granted_permissions"], json!(["data:read"]));
    assert_eq!(installs[0]["api_key_prefix"], install.key[..8]);
    let table = said(&place.run(&["installs", "list"]));
    assert!(
        table.starts_with("INSTALL") && table.contains("active"),
        "{table}"
    );
}

fn reports(place: &Place) -> [Value; 3] {
    [
        &["apps", "show", "kyc"][..],
        &["apps", "list"],
        &["installs", "list"],
    ]
    .map(|command| place.json(&[command, &["--format", "json"]].concat()))
}
