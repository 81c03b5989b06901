//! A `PostgreSQL` that goes away and comes back, and one that can't be used at all.

use std::sync::Arc;

use airlock_cloud_sim::{CloudSim, Options};
use airlock_test_database::{Cluster, TestDatabase};

use crate::support::{Place, TestHost, poll};

#[tokio::test]
async fn sessions_survive_a_restart_of_the_database_and_are_refused_while_it_is_gone() {
    let cluster = Arc::new(Cluster::start());
    let host = TestHost::setup().on(TestDatabase::on(&cluster));
    let host = host.package("probes/echo").start().await;
    let install = host.install("echo", &["data:read"]).await;
    let portal = host.open(&install).await;
    portal.get("calls").await.expect(200);
    cluster.stop();
    poll::until("what is known is too old", async || {
        // Until then the app itself is asked, and finds its records out of reach.
        let answer = portal.get("calls").await;
        ((answer.status, answer.header("retry-after")) == (503, Some("5"))).then_some(())
    })
    .await;
    // Neither page nor cookie is told that the session is over.
    let again = portal.remount().await;
    assert_eq!((again.status, again.header("set-cookie")), (503, None));
    cluster.start_again();
    poll::until("the session opens again", async || {
        (portal.get("calls").await.status == 200).then_some(())
    })
    .await;
    host.sim.uninstall(&install.installed_app_id).await.unwrap();
    portal.get("calls").await.problem(401, "no-session");
}

#[tokio::test]
async fn a_database_that_can_not_be_used_is_named_with_what_to_try_and_without_its_password() {
    let cluster = Cluster::start();
    cluster.create_database("ours", "");
    cluster.create_database("latin", "encoding 'LATIN1' template template0");
    cluster.run(
        "postgres",
        "create role guarded superuser login password 'hunter2hunter2'",
    );
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let run = |url: &str| {
        let place = Place::new(&sim.api_url()).set("AIRLOCK_DATABASE__URL", url);
        let output = place.run(&["migrate"]);
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            !text.contains("hunter2") && !text.contains("wrong-password"),
            "{text}"
        );
        (output.status.code(), text)
    };
    let (code, text) = run(&cluster.guarded_url("ours", "hunter2hunter2"));
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("postgres://guarded:••••••@localhost/ours"),
        "{text}"
    );
    let nowhere = "postgres://guarded:hunter2hunter2@127.0.0.1:1/ours";
    for (url, reason) in [
        (
            cluster.guarded_url("ours", "wrong-password"),
            "password authentication failed",
        ),
        (
            cluster.guarded_url("none", "hunter2hunter2"),
            "does not exist",
        ),
        (
            cluster.guarded_url("latin", "hunter2hunter2"),
            "keeps its text as LATIN1",
        ),
        (nowhere.to_owned(), "efused"),
    ] {
        let (code, text) = run(&url);
        assert_eq!(code, Some(1), "{text}");
        assert!(
            text.contains(reason) && text.contains("try:"),
            "{reason}: {text}"
        );
    }
    cluster.run(
        "ours",
        "update _sqlx_migrations set version = 9999 where version = 2",
    );
    let (code, text) = run(&cluster.guarded_url("ours", "hunter2hunter2"));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("newer version of airlock"), "{text}");
}

#[tokio::test]
async fn the_program_lists_and_serves_on_a_server_and_shows_its_address_masked() {
    let cluster = Cluster::start();
    cluster.create_database("ours", "");
    cluster.run(
        "postgres",
        "create role guarded superuser login password 'hunter2hunter2'",
    );
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let url = cluster.guarded_url("ours", "hunter2hunter2");
    let place = Place::new(&sim.api_url())
        .set("AIRLOCK_DATABASE__URL", &url)
        .dud("kyc");
    assert_eq!(
        place.json(&["installs", "list", "--format", "json"]),
        serde_json::json!([])
    );
    let checked = place.run(&["config", "check"]);
    let checked = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        checked.contains("guarded:••••••@localhost/ours"),
        "{checked}"
    );
    let host = place.serve().await;
    host.register(&sim, "kyc").await;
    assert!(host.stop().success());
    for text in [checked, place.log_text()] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    let made = cluster.run("ours", "select count(*) from endpoints");
    assert_eq!(made, "2");
}
