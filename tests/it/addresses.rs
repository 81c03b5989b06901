//! `apps rotate-urls` and `apps unpin`, through a running host and without one.

use airlock_cloud_sim::{CloudSim, Options};

use crate::cli_serve::{assert_refused, place};
use crate::support::clients::CloudClient;
use crate::support::{Ask, Place, TestInstall};

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_changed_without_a_gap() {
    let place = place();
    let host = place.serve().await;
    let old = host.cloud("kyc").await;
    let error = assert_refused(
        &place.run(&["apps", "rotate-urls", "kyc", "--retire"]),
        &["no older"],
    );
    assert!(error.contains("airlock apps rotate-urls kyc"), "{error}");
    assert_refused(
        &place.run(&["apps", "rotate-urls", "none"]),
        &["no app `none`", "apps list"],
    );
    assert_refused(
        &place.run(&["apps", "rotate-urls", "No/Name"]),
        &["the app's name"],
    );

    let report = place.json(&["apps", "rotate-urls", "kyc", "--format", "json"]);
    let new = host.cloud("kyc").await;
    assert!(new.callback != old.callback && new.portal != old.portal);
    let secret = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    assert_ne!(secret(&new.callback), secret(&new.portal));
    assert_eq!(
        report["callback_url"],
        format!("{}{}", place.origin(), new.callback)
    );
    assert_eq!(report["older_addresses"].as_array().unwrap().len(), 2);
    for (number, cloud) in [&old, &new].into_iter().enumerate() {
        let install = TestInstall::new(&number.to_string());
        cloud.event(&install.install()).await.expect(200);
        cloud.http.send(Ask::get(&cloud.portal)).await.expect(200);
    }
    let refused = place.run(&["apps", "rotate-urls", "kyc"]);
    assert_refused(&refused, &["still work", "--retire"]);
    let shown = String::from_utf8(place.run(&["apps", "show", "kyc"]).stdout).unwrap();
    assert!(
        shown.contains("callback: still valid, last used 20"),
        "{shown}"
    );
    assert!(
        !shown.contains(&secret(&old.callback)),
        "an older secret is shown: {shown}"
    );
    // Known to the next run too, although no request wrote it.
    assert!(host.stop().success());
    let offline = place.json(&["apps", "show", "kyc", "--format", "json"]);
    assert!(
        offline["older_addresses"][0]["last_used_at"].is_string(),
        "{offline}"
    );

    let host = place.serve().await;
    let at = |cloud: &CloudClient| CloudClient {
        http: host.http.clone(),
        ..cloud.clone()
    };
    let (old, new) = (at(&old), at(&new));
    let said = String::from_utf8(
        place
            .run(&["apps", "rotate-urls", "kyc", "--retire"])
            .stdout,
    )
    .unwrap();
    assert!(
        said.contains("work no more") && said.contains(&new.callback),
        "{said}"
    );
    let unknown = host.http.send(Ask::get("/nothing")).await.expect(404);
    for path in [&old.callback, &old.portal] {
        let answer = host.http.send(Ask::get(path)).await.expect(404);
        assert_eq!(answer.body, unknown.body);
    }
    new.event(&TestInstall::new("9").install())
        .await
        .expect(200);
    assert!(host.stop().success());
    // The same without a host.
    place.json(&["apps", "rotate-urls", "kyc", "--format", "json"]);
    assert_refused(
        &place.run(&["apps", "rotate-urls", "kyc"]),
        &["two are the most"],
    );
    let left = place.json(&["apps", "rotate-urls", "kyc", "--retire", "--format", "json"]);
    assert_eq!(left["older_addresses"].as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_is_forgotten_and_the_next_proven_install_makes_another() {
    let sim = CloudSim::start(Options::default()).await.unwrap();
    let place = Place::new(&sim.api_url()).dud("kyc");
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    assert_refused(
        &place.run(&["apps", "unpin", "kyc"]),
        &["no app_id is pinned", "apps show kyc"],
    );
    let install = async |name: &str, app: &str| {
        let issued = sim.issue_key(&["data:read"]).await;
        let install = TestInstall::new(name)
            .key(&issued.api_key)
            .instance(&issued.instance_id)
            .app(app);
        (install.install(), install.id)
    };
    let (event, id) = install("1", "app_1").await;
    cloud.event(&event).await.expect(200);
    host.until_status(&id, "active").await;
    let (other, other_id) = install("2", "app_2").await;
    cloud.event(&other).await.expect(422);
    let said = String::from_utf8(place.run(&["apps", "unpin", "kyc"]).stdout).unwrap();
    assert!(said.contains("Forgot that kyc is app_1"), "{said}");
    cloud.event(&other).await.expect(200);
    host.until_status(&other_id, "active").await;
    assert_eq!(host.report("/apps/kyc").await["app_id"], "app_2");
    let configured = place.set("AIRLOCK_APPS__KYC__APP_ID", "app_2");
    assert_refused(
        &configured.run(&["apps", "unpin", "kyc"]),
        &["set in the configuration", "apps.kyc.app_id"],
    );
}
