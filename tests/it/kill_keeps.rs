//! What a host keeps when it is killed with SIGKILL: installs, addresses, sessions, records, and which launches were used.

use airlock_cloud_sim::{CloudSim, Options};
use serde_json::Value;

use crate::support::clients::exchange;
use crate::support::{Place, Portal};

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_no_install_and_open_sessions_go_on() {
    let sim = CloudSim::start(Options {
        extra_instances: 2,
        ..Options::default()
    })
    .await
    .unwrap();
    let place = Place::new(&sim.api_url()).package("probes/echo");
    let host = place.serve().await;
    let app = host.register(&sim, "echo").await;
    let instances = sim.instance_ids();
    let (mut installs, mut portals) = (Vec::new(), Vec::new());
    for instance in &instances[..2] {
        let install = sim
            .install_on(&app, instance, &["data:read"])
            .await
            .unwrap();
        let address = sim.launch(&install.installed_app_id).await.unwrap();
        portals.push(Portal::open(&host.http, &address).await);
        installs.push(install.installed_app_id);
    }
    portals[0].get("seen/before").await.expect(200);
    sim.uninstall(&installs[1]).await.unwrap();
    sim.set_switches(|switches| switches.outage = true);
    let waiting = sim
        .install_on(&app, &instances[2], &["data:read"])
        .await
        .unwrap()
        .installed_app_id;
    let addresses = host.report("/apps/echo").await;
    let before = host.report("/installs").await;
    host.kill();

    let host = place.serve().await;
    assert_eq!(
        host.report("/apps/echo").await,
        addresses,
        "the addresses stay"
    );
    let after = host.report("/installs").await;
    let statuses = |lines: &Value| {
        let lines = lines.as_array().unwrap().iter();
        lines
            .map(|line| (line["installed_app_id"].clone(), line["status"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(statuses(&after), statuses(&before));
    let [open, ended] = [0, 1].map(|at: usize| Portal {
        http: host.http.clone(),
        ..portals[at].clone()
    });
    open.get("seen/after").await.expect(200);
    open.page().await.expect(200);
    open.remount().await.expect(200);
    ended.get("seen").await.problem(401, "no-session");
    // A token that was used before the kill is used after it.
    host.http
        .send(exchange(&open.token))
        .await
        .problem(410, "launch-over");
    let calls = open.get("calls").await.expect(200).json();
    let mut calls: Vec<String> = serde_json::from_value(calls).unwrap();
    calls.sort();
    assert_eq!(
        calls,
        ["GET seen/after", "GET seen/before"],
        "what the app had stored"
    );
    sim.set_switches(|switches| switches.outage = false);
    host.until_status(&waiting, "active").await;
}
