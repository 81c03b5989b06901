//! Quarantine from outside: an app that keeps failing is 503 with the time to wait, for the installs that meet it alone,
//! and one call finds out when it is over.

use std::time::Duration;

use airlock_cloud_sim::Installed;
use serde_json::json;

use crate::support::{Answer, Portal, TestHost, TestInstall};

/// More than the host lets through: an answer that is none.
const FAILS: &str = "size/4000000";

/// The problem, and after how many seconds to come again.
fn assert_shut(answer: &Answer) {
    answer.problem(503, "app-quarantined");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
}

async fn shut(portal: &Portal) {
    for _ in 0..5 {
        portal.get(FAILS).await.problem(502, "app-failed");
    }
    assert_shut(&portal.get("seen").await);
}

/// Status and reason, as `apps list` shows them.
fn listed(host: &TestHost) -> (String, String) {
    let line = &host.apps()[0];
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

#[tokio::test(flavor = "multi_thread")]
async fn h15_what_keeps_failing_is_shut_for_those_who_meet_it_and_opens_by_one_call() {
    let host = TestHost::setup()
        .cloud(|options| options.extra_instances = 2)
        .package("probes/echo")
        .start()
        .await;
    let first = host.install("echo", &["data:read"]).await;
    let instances = host.sim.instance_ids();
    let on = async |instance: &str| -> Installed {
        let install = host.sim.install_on(&first.app_id, instance, &["data:read"]);
        install.await.expect("the host takes the install")
    };
    let (second, third) = (on(&instances[1]).await, on(&instances[2]).await);
    let portals = [
        host.open(&first).await,
        host.open(&second).await,
        host.open(&third).await,
    ];
    let [a, b, c] = &portals;

    shut(a).await;
    b.get("seen").await.expect(200);
    let (status, reason) = listed(&host);
    assert_eq!(status, "serving");
    assert_eq!(
        (host.app_counts().serving, host.app_counts().quarantined),
        (1, 0)
    );
    assert!(
        reason.starts_with("1 install is in quarantine since"),
        "{reason}"
    );

    // The second one, so now nobody is served; but Cloud's events are.
    shut(b).await;
    assert_shut(&c.get("seen").await);
    let (status, reason) = listed(&host);
    assert_eq!(status, "quarantined");
    assert_eq!(
        (host.app_counts().serving, host.app_counts().quarantined),
        (0, 1)
    );
    assert!(
        reason.contains("10 failures, the last was bad-output"),
        "{reason}"
    );
    let cloud = host.cloud("echo").await;
    let launch = json!({
        "installed_app_id": third.installed_app_id, "app_id": third.app_id, "instance_id": third.instance_id,
    });
    assert_shut(&cloud.ask_launch(&launch).await);
    let event = TestInstall::new("other").app(&first.app_id).uninstall();
    cloud.event(&event).await.expect(200);

    // Over: launches are let in, and the first call of anybody finds out.
    host.clock.advance(Duration::from_secs(30));
    cloud.launch(&launch).await;
    c.get("seen").await.expect(200);
    a.get("seen").await.expect(200);
    b.get("seen").await.expect(200);
    assert_eq!(listed(&host), ("serving".to_owned(), String::new()));
}
