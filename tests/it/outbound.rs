//! What the whole program sends, and what the environment it runs in can't change about that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airlock_cloud_sim::{CloudSim, Options};
use tokio::net::TcpListener;

use crate::support::{Place, TestInstall};

/// A proxy that nobody should ask. Counts connections.
async fn trap() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, asked)
}

#[tokio::test]
async fn a_proxy_named_in_the_environment_never_sees_a_key() {
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let (proxy, asked) = trap().await;
    let mut place = Place::new(&sim.api_url()).dud("kyc");
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        place = place
            .set(variable, &proxy)
            .set(&variable.to_lowercase(), &proxy);
    }
    // A machine may except its loopback from proxies, which would make this test prove nothing.
    let place = place.set("NO_PROXY", "").set("no_proxy", "");
    let host = place.serve().await;
    let issued = sim.issue_key(&["data:read"]).await;
    let install = TestInstall::new("1")
        .key(&issued.api_key)
        .instance(&issued.instance_id);
    let cloud = host.cloud("kyc").await;
    cloud.event(&install.install()).await.expect(200);
    // Active: Cloud itself was asked about the key.
    host.until_status(&install.id, "active").await;
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert!(host.stop().success());
}
