//! The life of an install with everything that may go wrong in it.

use airlock_cloud_sim::{CloudSim, IssuedKey};
use serde_json::json;

use crate::support::clients::{CloudClient, exchange, token_of};
use crate::support::event::with;
use crate::support::secrets::{Needle, files};
use crate::support::{Ask, Place, Portal, ProcessHost, TestInstall, keys};

/// TRACE of everything but the compiler, which sees no secret and would write gigabytes.
pub(super) const EVERYTHING: &str = "trace,cranelift_codegen=info,cranelift_frontend=info,cranelift_entity=info,\
    cranelift_bforest=info,regalloc2=info,wasmtime_internal_cranelift=info,wasmtime_internal_environ=info";

/// Everything that may go wrong with an event that holds the key.
async fn send_bad_events(cloud: &CloudClient, install: &TestInstall) {
    let good = install.install();
    let whole = good.to_string();
    let twice = whole.replacen('{', &format!("{{\"api_key\":\"{}\",", install.key), 1);
    for body in [
        whole[..whole.len() - 1].to_owned(),
        twice,
        with(good.clone(), "app_id", json!({ "key": install.key })).to_string(),
    ] {
        cloud
            .http
            .send(Ask::post(&cloud.callback).bytes(body))
            .await
            .expect(400);
    }
    for (field, value) in [
        ("installed_app_id", json!(format!("{} x", install.key))),
        ("instance_id", json!(format!("{}/", install.key))),
        ("api_key", json!(format!("{}\n", install.key))),
        ("api_key_prefix", json!(install.key)),
        ("idempotency_key", json!(install.key)),
        ("granted_permissions", json!([format!("{},", install.key)])),
    ] {
        cloud
            .event(&with(good.clone(), field, value))
            .await
            .expect(422);
    }
    let typed = Ask::post(&cloud.callback)
        .header("content-type", "text/plain")
        .bytes(whole.clone());
    cloud.http.send(typed).await.expect(415);
    let wrong = cloud.callback.replace("/api/callback/", "/api/callbacks/");
    cloud
        .http
        .send(Ask::post(&wrong).bytes(whole))
        .await
        .expect(404);
}

/// A call whose component searches its own memory.
async fn hunt(portal: &Portal, known: &[&Needle]) {
    let mask = 0x5a_u8;
    let masked = |bytes: &[u8]| -> String { keys::hex(bytes.iter().map(|byte| byte ^ mask)) };
    let marker = portal.get("marker").await.expect(200).json();
    let marker = masked(marker.as_str().unwrap().as_bytes());
    let forms: Vec<String> = known
        .iter()
        .flat_map(|needle| needle.forms())
        .map(masked)
        .collect();
    for chunk in forms.chunks(6) {
        let patterns: Vec<&String> = chunk.iter().chain([&marker]).collect();
        let body = json!({ "mask": mask, "patterns": patterns });
        let answer = portal.post("hunt", &body).await.expect(200).json();
        let mut found: Vec<u64> = serde_json::from_value(answer["found"].clone()).unwrap();
        assert_eq!(
            answer["used_key"], true,
            "the key was used in this very call"
        );
        assert!(answer["bytes"].as_u64().unwrap() > 65_536, "{answer}");
        assert!(found.pop().unwrap() > 0, "the hunt finds what is there");
        assert_eq!(
            found,
            vec![0; chunk.len()],
            "a secret lies in the guest's memory"
        );
    }
}

/// Installs, uses, breaks and restarts. Answers the client of the operator and the secrets of the way.
pub(super) async fn live_through(
    place: &Place,
    sim: &CloudSim,
    issued: &IssuedKey,
) -> (Vec<ProcessHost>, Vec<Vec<u8>>) {
    let (mut spent, mut secrets) = (Vec::new(), Vec::new());
    let install = TestInstall::new("canary")
        .key(&issued.api_key)
        .instance(&issued.instance_id);
    let host = place.serve().await;
    let cloud = host.cloud("hunt").await;
    secrets.extend(
        [&cloud.callback, &cloud.portal].map(|path| path.rsplit('/').next().unwrap().into()),
    );
    send_bad_events(&cloud, &install).await;
    cloud.event(&install.install()).await.expect(200);
    let address = cloud.launch(&install.launch()).await;
    secrets.push(token_of(&address).into_bytes());
    cloud
        .http
        .send(Ask::get(&format!("/enter?token={}", token_of(&address))))
        .await
        .expect(200);
    let portal = Portal::open(&host.http, &address).await;
    secrets.push(portal.cookie.split_once('=').unwrap().1.as_bytes().to_vec());
    secrets.push(host.token().as_bytes().to_vec());
    portal.page().await.expect(200);
    let key = Needle::new("the API key", issued.api_key.as_bytes());
    let end = Needle::new("the end of the API key", &issued.api_key.as_bytes()[16..]);
    hunt(&portal, &[&key, &end]).await;
    portal.post("crash", &json!({})).await.expect(502);
    portal.get("none").await.expect(404);
    host.http.send(exchange(&portal.token)).await.expect(410);
    sim.set_switches(|switches| switches.outage = true);
    let hunted = json!({ "mask": 0, "patterns": ["00"] });
    assert_eq!(
        portal.post("hunt", &hunted).await.expect(200).json()["used_key"],
        false
    );
    sim.set_switches(|switches| switches.outage = false);
    // The database as a running host leaves it behind, with its write-ahead log.
    secrets.push(b"instapp_canary".to_vec());
    host_files(place, &key, &end);
    let http = host.http.clone();
    spent.push(host);
    spent.pop().unwrap().kill();
    host_files(place, &key, &end);
    let mut again = place.serve().await;
    again.http = http;
    let portal = Portal {
        http: again.http.clone(),
        ..portal
    };
    hunt(&portal, &[&key, &end]).await;
    for path in ["/info", "/apps", "/apps/hunt", "/installs", "/keys"] {
        again.report(path).await;
    }
    cloud.event(&install.uninstall()).await.expect(200);
    portal.get("marker").await.expect(401);
    spent.push(again);
    (spent, secrets)
}

fn host_files(place: &Place, key: &Needle, end: &Needle) {
    let found = files(place.folder.path());
    assert!(
        found.iter().any(|(name, _)| name.ends_with("airlock.db")),
        "no database among the files"
    );
    for (name, content) in found {
        key.assert_not_in(&name, &content);
        end.assert_not_in(&name, &content);
    }
}
