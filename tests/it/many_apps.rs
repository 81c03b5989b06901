//! Sixty apps in the folder of packages: from the cache of compiled code, and with few descriptors.

use std::time::Duration;

use airlock_test_guests::Guest;
use futures_util::future::join_all;
use serde_json::Value;

use crate::support::packages::lay_component;
use crate::support::{Place, Portal, ProcessHost, TestHost};

const APPS: u16 = 60;
/// Descriptors that the process begins with: fewer than the apps keep open.
const FEW: &str = "ulimit -S -n 48 && exec \"$0\" \"$@\"";

fn slug(number: u16) -> String {
    format!("app-{number}")
}

/// An app whose answers have a status of its own, and whose memory does not begin empty.
fn component(number: u16) -> Vec<u8> {
    let handle = format!(
        "(i32.store16 (global.get $ret) (i32.const {}))",
        400 + number
    );
    let guest = Guest {
        fields: "(data (i32.const 65000) \"not empty\")",
        handle: &handle,
        ..Guest::default()
    };
    guest.component()
}

async fn open(host: &ProcessHost, sim: &TestHost, number: u16) -> Portal {
    let app_id = host.register(&sim.sim, &slug(number)).await;
    let install = sim.sim.install(&app_id, &["data:read"]).await.unwrap();
    host.until_status(&install.installed_app_id, "active").await;
    let address = sim.sim.launch(&install.installed_app_id).await.unwrap();
    Portal::open(&host.http, &address).await
}

fn compilations(place: &Place) -> usize {
    let log = place.log_text();
    log.lines()
        .filter(|line| line.contains("Compiling "))
        .count()
}

async fn assert_all_serve(host: &ProcessHost) {
    let apps = host.report("/apps").await;
    let apps: Vec<&Value> = apps.as_array().unwrap().iter().collect();
    assert_eq!(apps.len(), usize::from(APPS));
    for app in apps {
        assert_eq!(
            (&app["status"], &app["reason"]),
            (&"serving".into(), &Value::Null)
        );
    }
}

#[tokio::test]
async fn sixty_apps_start_out_of_the_cache_without_a_compilation_and_each_answers_as_itself() {
    let sim = TestHost::setup().start().await;
    let place = Place::new(&sim.sim.api_url()).under(&["sh", "-c", FEW]);
    for number in 0..APPS {
        lay_component(
            &place.plugins(),
            &slug(number),
            "[permissions]\n\"data:read\" = \"To see.\"\n",
            &component(number),
        );
    }
    let host = place.serve().await;
    assert_all_serve(&host).await;
    assert!(host.stop().success());
    assert_eq!(compilations(&place), usize::from(APPS));
    let host = place.serve().await;
    assert_all_serve(&host).await;
    assert_eq!(compilations(&place), usize::from(APPS));
    let answers = (0..APPS).map(async |number| {
        let portal = open(&host, &sim, number).await;
        assert_eq!(portal.get("anything").await.status, 400 + number);
    });
    join_all(answers).await;
    // What the watch finds when it looks for the first time is what was loaded.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_all_serve(&host).await;
    let loads = place.log_text().matches("Loaded app-").count();
    assert_eq!(loads, 2 * usize::from(APPS));
    assert!(host.stop().success());
}
