//! Faults under a running host and at its start (R3, W1): a full disk, a locked, damaged or read-only database, a Cloud that
//! hangs, a clock that jumps. Each has its answer; nothing is half stored; and where the fault ends, work goes on.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use sqlx::Executor as _;

use crate::support::clients::exchange;
use crate::support::{Answer, Place, Portal, ProcessHost, TestHost, TestInstall, database, keys};

/// Cloud waits this long for the answer to an event.
const CLOUD_WAITS: Duration = Duration::from_secs(10);

fn place() -> Place {
    // Nothing listens there: no key is ever proven.
    Place::new(&"http://127.0.0.1:9/".parse().unwrap()).dud("kyc")
}

/// The answer of a host whose database does not take the event.
#[track_caller]
fn assert_come_again(answer: &Answer) {
    let again: u32 = answer
        .header("retry-after")
        .expect("Retry-After")
        .parse()
        .expect("seconds");
    assert!((1..=60).contains(&again), "{again}");
    answer.problem(503, "unavailable");
}

/// Installs with their states, as the operator sees them.
async fn installs(host: &ProcessHost) -> Vec<(String, String)> {
    let report = host.report("/installs").await;
    let lines = report.as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    lines
        .map(|line| (text(&line["installed_app_id"]), text(&line["status"])))
        .collect()
}

/// Lets a process make its files no longer than so; every write beyond fails, of the log's too.
fn limit_files(host: &ProcessHost, bytes: &str) {
    let id = host.id().to_string();
    let limited = Command::new("prlimit")
        .args(["--pid", &id, &format!("--fsize={bytes}:")])
        .status();
    assert!(
        limited.is_ok_and(|status| status.success()),
        "this test needs prlimit; try: apt-get install util-linux"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_on_a_full_disk_events_are_put_off_and_taken_when_there_is_room() {
    // The signal of that limit would end the process; a full disk sends none.
    let place = place().under(&["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    let (first, second) = (TestInstall::new("1"), TestInstall::new("2"));
    cloud.event(&first.install()).await.expect(200);
    let before = installs(&host).await;
    assert_eq!(before, [(first.id.clone(), "pending".to_owned())]);

    limit_files(&host, "4096");
    for _ in 0..3 {
        assert_come_again(&cloud.event(&second.install()).await);
        assert_come_again(&cloud.event(&first.uninstall()).await);
    }
    assert_eq!(installs(&host).await, before);
    // What was answered before is answered again: nothing is written for it.
    cloud.event(&first.install()).await.expect(200);

    limit_files(&host, "unlimited");
    cloud.event(&second.install()).await.expect(200);
    cloud.event(&first.uninstall()).await.expect(200);
    let after = [
        (first.id, "uninstalled".to_owned()),
        (second.id, "pending".to_owned()),
    ];
    assert_eq!(installs(&host).await, after);
    host.kill();
    database::assert_sound(&place.data()).await;
    assert_eq!(installs(&place.serve().await).await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn i34_w1_while_another_program_locks_the_database_events_are_put_off_in_time() {
    let place = place();
    let host = place.serve().await;
    let cloud = host.cloud("kyc").await;
    let install = TestInstall::new("1");
    let mut locker = database::connect(&place.data()).await;
    locker.execute("begin immediate").await.unwrap();
    let begun = Instant::now();
    assert_come_again(&cloud.event(&install.install()).await);
    let waited = begun.elapsed();
    // How far within it: hostile_http/events.rs.
    assert!(waited < CLOUD_WAITS, "{waited:?}");
    assert!(
        waited > Duration::from_secs(3),
        "it did not wait at all: {waited:?}"
    );
    assert_eq!(installs(&host).await, []);
    locker.execute("rollback").await.unwrap();
    cloud.event(&install.install()).await.expect(200);
    assert_eq!(installs(&host).await, [(install.id, "pending".to_owned())]);
}

#[tokio::test]
async fn w1_events_are_answered_while_cloud_hangs() {
    let host = TestHost::setup().dud("kyc").start().await;
    host.sim
        .set_switches(|switches| switches.latency_ms = 60_000);
    let cloud = host.cloud("kyc").await;
    let install = host.live_install("1", &["data:read"]).await;
    for event in [install.install(), install.install(), install.uninstall()] {
        let begun = Instant::now();
        cloud.event(&event).await.expect(200);
        assert!(begun.elapsed() < CLOUD_WAITS, "{:?}", begun.elapsed());
    }
    assert_eq!(
        host.status(&install.id).await.as_deref(),
        Some("uninstalled")
    );
}

/// The output of a host that must not start, and whose error names the file.
fn assert_no_start(place: &Place, hint: &str) {
    let Output { status, stderr, .. } = place.run(&["serve"]);
    let error = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(1), "{error}");
    let file = place.data().join("airlock.db");
    for part in [file.to_str().unwrap(), "try: ", hint] {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
}

#[test]
fn r3_a_damaged_database_is_named_and_left_as_it_is() {
    let place = place();
    assert!(place.run(&["migrate"]).status.success());
    let file = place.data().join("airlock.db");
    let whole = fs::read(&file).unwrap();
    let mut overwritten = whole.clone();
    overwritten[4096..].fill_with(|| keys::random::<1>()[0]);
    let damaged = [
        keys::random::<8192>().to_vec(),
        whole[..whole.len() / 2].to_vec(),
        overwritten,
    ];
    for bytes in damaged {
        fs::write(&file, &bytes).unwrap();
        assert_no_start(&place, "backup");
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    fs::write(&file, &whole).unwrap();
    assert!(place.run(&["installs", "list"]).status.success());
}

/// Root may write everything; without these two rights it is a user like any other.
fn without_rights(place: Place) -> Place {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return place;
    }
    let setpriv = [
        "setpriv",
        "--bounding-set",
        "-dac_override,-dac_read_search",
    ];
    let found = Command::new("setpriv").arg("--version").output();
    assert!(
        found.is_ok(),
        "this test needs setpriv when it is run by root; try: apt-get install util-linux"
    );
    place.under(&setpriv)
}

#[test]
fn r3_a_database_that_can_not_be_written_is_named() {
    let place = without_rights(place());
    assert!(place.run(&["migrate"]).status.success());
    let (data, file) = (place.data(), place.data().join("airlock.db"));
    let allow =
        |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    allow(&file, 0o400);
    assert_no_start(&place, "write");
    allow(&file, 0o600);
    for name in ["airlock.db-wal", "airlock.db-shm"] {
        fs::remove_file(data.join(name)).ok();
    }
    allow(&data, 0o500);
    assert_no_start(&place, "folder");
    allow(&data, 0o700);
    assert!(place.run(&["installs", "list"]).status.success());
}

#[tokio::test]
async fn i49_a_clock_that_jumps_between_signing_and_checking_opens_nothing() {
    const HOUR: Duration = Duration::from_hours(1);
    let host = TestHost::setup().package("probes/echo").start().await;
    let install = host.install("echo", &["data:read"]).await;
    host.until_status(&install.installed_app_id, "active").await;
    let portal = host.open(&install).await;
    let launch = async || {
        let address = host.sim.launch(&install.installed_app_id).await;
        crate::support::clients::token_of(&address.expect("a launch"))
    };
    let (early, late) = (launch().await, launch().await);

    // An hour back: what was signed comes from the future.
    host.clock.set_back(HOUR);
    host.http
        .send(exchange(&early))
        .await
        .problem(401, "launch-invalid");
    portal.get("seen").await.problem(401, "no-session");

    // Right again: both are as they were, and nothing was used up.
    host.clock.advance(HOUR);
    portal.get("seen").await.expect(200);
    let answer = host.http.send(exchange(&early)).await.expect(200);
    assert!(answer.header("set-cookie").is_some());

    // An hour ahead: their time is over.
    host.clock.advance(HOUR);
    host.http
        .send(exchange(&late))
        .await
        .problem(410, "launch-over");
    portal.get("seen").await.problem(410, "session-expired");
    // And a new launch works at once.
    Portal::open(
        &host.http,
        &host.sim.launch(&install.installed_app_id).await.unwrap(),
    )
    .await;
}
