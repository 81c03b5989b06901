//! `apps disable` and `apps enable`.

use airlock_host::config::DatabaseUrl;
use airlock_host::install::Switches;
use airlock_host::model::{Slug, SystemClock};
use airlock_host::store::Database;
use airlock_test_database::{TestDatabase, on_both};
use std::sync::Arc;

use crate::support::{Ask, Place, Portal, TestHost, poll};

on_both!(what_is_switched_off_stays_off_over_restarts_until_it_is_switched_on);

fn status(place: &Place) -> String {
    let apps = place.json(&["apps", "list", "--format", "json"]);
    apps[0]["status"].as_str().unwrap().to_owned()
}

async fn what_is_switched_off_stays_off_over_restarts_until_it_is_switched_on(
    database: TestDatabase,
) {
    let sim = TestHost::setup().start().await;
    let place = Place::new(&sim.sim.api_url())
        .package("probes/echo")
        .set("AIRLOCK_DATABASE__URL", database.url());
    let host = place.serve().await;
    let cloud = host.cloud("echo").await;
    let install = sim.live_install("1", &["data:read"]).await;
    cloud.event(&install.install()).await.expect(200);
    let address = cloud.launch(&install.launch()).await;
    let portal = Portal::open(&host.http, &address).await;
    portal.get("seen").await.expect(200);
    let page = super::shown(&portal).await;

    assert!(place.run(&["apps", "disable", "echo"]).status.success());
    assert_eq!(status(&place), "disabled");
    portal.get("seen").await.problem(503, "app-not-serving");
    assert_eq!(portal.page().await.status, 503);
    let file = format!("/ui/echo/{page}/main.js");
    host.http.send(Ask::get(&file)).await.expect(404);
    cloud
        .ask_launch(&install.launch())
        .await
        .problem(503, "app-not-serving");
    let second = sim.live_install("2", &["data:read"]).await;
    cloud.event(&second.install()).await.expect(200);
    cloud.event(&second.uninstall()).await.expect(200);
    assert!(host.stop().success());

    assert_eq!(status(&place), "disabled");
    let host = place.serve().await;
    assert_eq!(status(&place), "disabled");
    let output = place.run(&["apps", "enable", "echo"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("serves 0.1.0"),
        "{said}"
    );
    // The session has outlived all of it.
    portal.get("seen").await.expect(200);
    assert!(host.stop().success());

    // Without a host the commands write it down themselves.
    assert!(place.run(&["apps", "disable", "echo"]).status.success());
    assert_eq!(status(&place), "disabled");
    assert!(place.run(&["apps", "enable", "echo"]).status.success());
    assert_eq!(status(&place), "serving");
    for command in ["disable", "enable"] {
        let unknown = place.run(&["apps", command, "nobody"]);
        assert_eq!(unknown.status.code(), Some(1), "{command}");
    }
}

#[tokio::test]
async fn what_the_configuration_switches_off_no_command_switches_on() {
    let sim = TestHost::setup().start().await;
    let place = Place::new(&sim.sim.api_url())
        .package("probes/echo")
        .set("AIRLOCK_APPS__ECHO__ENABLED", "false");
    let refused = || {
        let output = place.run(&["apps", "enable", "echo"]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(
            error.contains("the configuration switches echo off, and wins"),
            "{error}"
        );
        assert_eq!(status(&place), "disabled");
    };
    refused();
    let host = place.serve().await;
    refused();
    assert!(host.stop().success());
}

#[tokio::test]
async fn what_one_host_switches_off_is_off_at_the_others_of_the_same_database() {
    let first = TestHost::setup().on(TestDatabase::postgres());
    let first = first.package("probes/echo").start().await;
    let second = TestHost::setup().beside(&first);
    let second = second.package("probes/echo").start().await;
    let url = DatabaseUrl::parse(first.database_url()).unwrap();
    let database = Database::open(&url).await.unwrap();
    let third = Switches::open(database, Arc::new(SystemClock::new()))
        .await
        .unwrap();
    let echo = Slug::parse("echo").unwrap();
    let until = async |status: &str| {
        for host in [&first, &second] {
            poll::until(status, async || {
                (host.apps()[0]["status"] == status).then_some(())
            })
            .await;
        }
    };
    until("serving").await;
    assert!(third.disable(&echo).await.unwrap());
    until("disabled").await;
    assert!(third.enable(&echo).await.unwrap());
    until("serving").await;
}
