//! Session secrets exchanged while the host runs: sessions go on for as long as the secret that signed them is listed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use airlock_cloud_sim::{CloudSim, Options};

use crate::support::clients::token_of;
use crate::support::{Place, Portal, ProcessHost, keys, poll};

/// Writes the secrets and tells the host.
fn give(place: &Place, host: &ProcessHost, secrets: &[&str]) {
    fs::write(place.folder.path().join("sessions"), secrets.join(",")).unwrap();
    host.signal("HUP");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_until_the_secret_that_signed_it_is_removed() {
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let place = Place::new(&sim.api_url()).package("kyc");
    let file = place.folder.path().join("sessions");
    fs::write(&file, &place.session_secrets).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let path = file.to_str().unwrap().to_owned();
    let place = place
        .set("AIRLOCK_SESSION_SECRETS", "")
        .set("AIRLOCK_SESSION_SECRETS_FILE", &path);
    let (old, new) = (
        place.session_secrets.clone(),
        keys::generated('s').replace("s1:", "s2:"),
    );
    let host = place.serve().await;
    let app = host.register(&sim, "kyc").await;
    let install = sim.install(&app, &["data:read"]).await.unwrap();
    let install = install.installed_app_id;
    host.until_status(&install, "active").await;
    let launch = async || sim.launch(&install).await.unwrap();
    let before = Portal::open(&host.http, &launch().await).await;
    before.get("identities").await.expect(200);

    give(&place, &host, &[&new, &old]);
    let address = poll::until("launches are signed by s2", async || {
        let address = launch().await;
        let by_new = token_of(&address).split('.').nth(1) == Some("s2");
        by_new.then_some(address)
    })
    .await;
    let after = Portal::open(&host.http, &address).await;
    for portal in [&before, &after] {
        portal.get("identities").await.expect(200);
    }

    give(&place, &host, &[&new]);
    poll::until("the old session is refused", async || {
        (before.get("identities").await.status == 401).then_some(())
    })
    .await;
    after.get("identities").await.expect(200);
    assert!(host.stop().success());
}
