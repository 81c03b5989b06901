//! Many replacements, and many packages at once.

use std::time::Duration;

use super::{exchange, live, version};
use crate::support::{Place, Portal, TestHost, packages, poll};

/// Memory that a process has, in KiB.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.unwrap().split_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}

#[tokio::test]
async fn h46_replacements_without_end_fail_no_call_and_keep_no_memory() {
    let sim = TestHost::setup().start().await;
    let place = Place::new(&sim.sim.api_url()).package("probes/echo");
    let host = place.serve().await;
    let cloud = host.cloud("echo").await;
    let install = sim.live_install("1", &["data:read"]).await;
    cloud.event(&install.install()).await.expect(200);
    let address = cloud.launch(&install.launch()).await;
    let portal = Portal::open(&host.http, &address).await;
    // Two versions, of which one or the other serves: each swap is a compilation, or read from a cache.
    let other = version(&place.plugins(), "echo", 2);
    let swaps = async |count: u32| {
        for _ in 0..count {
            exchange(&other, &place.plugins());
            portal.get("seen").await.expect(200);
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    };
    swaps(20).await;
    let before = resident(host.id());
    swaps(60).await;
    let after = resident(host.id());
    println!("{before} KiB after 20 replacements, {after} KiB after 80");
    // Sixty versions that stayed would be hundreds of MiB; an allocator that has not settled is some.
    assert!(
        after < before + before / 2 + 64 * 1024,
        "{before} → {after} KiB"
    );
    let last = version(&place.plugins(), "echo", 3);
    exchange(&last, &place.plugins());
    poll::until("the last one is live", async || {
        let apps = host.report("/apps").await;
        (apps[0]["version"] == "3.0.0").then_some(())
    })
    .await;
    live(&portal).await;
    assert!(host.stop().success());
}

#[tokio::test]
async fn h46_packages_that_arrive_together_are_compiled_one_after_the_other() {
    let sim = TestHost::setup().start().await;
    let place = Place::new(&sim.sim.api_url());
    let host = place.serve().await;
    let package = packages::package("probes/echo");
    for slug in ["one", "two", "three", "four"] {
        packages::lay(&package, &place.plugins(), slug);
    }
    poll::until("all of them serve", async || {
        let apps = host.report("/apps").await;
        let serving = apps.as_array().unwrap().iter();
        (serving.filter(|app| app["status"] == "serving").count() == 4).then_some(())
    })
    .await;
    let log = place.log_text();
    let steps: Vec<bool> = log
        .lines()
        .filter_map(|line| {
            let begins = line.contains("Compiling ");
            (begins || line.contains("Loaded ")).then_some(begins)
        })
        .collect();
    // What a cache has need not be compiled; what is compiled, is so alone.
    assert!(steps.windows(2).all(|pair| pair != [true, true]), "{log}");
    assert!(
        steps.iter().filter(|begins| !**begins).count() >= 4,
        "{log}"
    );
    assert!(host.stop().success());
}
