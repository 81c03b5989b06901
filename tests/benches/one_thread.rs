//! One call in one thread: how long the sandbox takes for it, without HTTP, sessions and other threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use airlock_host::cloud::{Cloud, CloudSettings, Transport};
use airlock_host::config::DatabaseUrl;
use airlock_host::install::{ActiveInstall, Event, GuestStore, Installs, LaunchRequest};
use airlock_host::model::{Clock, InstallId, Slug, SystemClock};
use airlock_host::runtime::{
    AppStatus, GuestRequest, GuestSession, Runtime, RuntimeSettings, Services,
};
use airlock_host::secret::{Keyring, SecretList};
use airlock_host::store::Database;
use airlock_host::store::installs::Proof;
use airlock_tests::measure::{Times, line, shown};

use crate::it::support::{TestInstall, packages};
use crate::{ANSWER, BODY};

/// Calls that are timed, after those that are not.
const CALLS: usize = 50_000;
const WARM: usize = 5_000;
/// Asked for: instantiate, call and drop.
const GOAL: Duration = Duration::from_micros(12);

/// Measures and prints.
pub(crate) async fn measure() {
    println!("\none thread");
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    packages::lay(&packages::package("probes/tally"), &plugins, "tally");
    let url = format!("sqlite://{}", folder.path().join("airlock.db").display());
    let (runtime, install) = runtime(&DatabaseUrl::parse(&url).unwrap()).await;
    runtime.load_folder(&plugins).await;
    let app = runtime.registry().find(install.slug()).unwrap();
    assert_eq!(app.status(), AppStatus::Serving, "{:?}", app.reason());

    let (mut whole, mut inside) = (Times::default(), Times::default());
    for number in 0..WARM + CALLS {
        let (session, request) = (session(), request());
        let begun = std::time::Instant::now();
        let (answer, report) = runtime.handle_with_report(&install, session, request).await;
        let elapsed = begun.elapsed();
        assert_eq!(answer.unwrap().body, ANSWER);
        if number >= WARM {
            whole.add(elapsed);
            inside.add(Duration::from_micros(report.wall_us));
        }
    }
    line("a call of the runtime, permits and record too", &whole);
    line("of it instantiate, call and drop", &inside);
    let median = inside.percentile(50.0);
    println!(
        "→ {} at the median to instantiate, call and drop; asked for: {}: {}",
        shown(median),
        shown(GOAL),
        if median <= GOAL { "met" } else { "MISSED" }
    );
}

/// A runtime whose guests run on the thread that asks, and an install of the probe.
async fn runtime(url: &DatabaseUrl) -> (Runtime, ActiveInstall) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let database = Database::open(url).await.unwrap();
    let roots = SecretList::parse('k', &SecretList::generate('k', 1)).unwrap();
    let keyring = Arc::new(Keyring::new(roots).unwrap());
    let installs = Installs::open(
        database.clone(),
        keyring.clone(),
        clock.clone(),
        BTreeMap::new(),
    );
    let installs = installs.await.unwrap();
    let install = install(&installs).await;
    let nowhere = CloudSettings {
        api_url: "http://127.0.0.1:9".parse().unwrap(),
        instance_id_on_alerts: true,
        allow_detokenize: false,
    };
    let services = Services {
        cloud: Cloud::new(Transport::new(nowhere).unwrap(), installs),
        guest_store: GuestStore::new(database, keyring, clock.clone()),
        clock,
    };
    let settings = RuntimeSettings {
        guest_threads: Some(0),
        ..RuntimeSettings::default()
    };
    (Runtime::new(settings, services).unwrap(), install)
}

async fn install(installs: &Installs) -> ActiveInstall {
    let slug = Slug::parse("tally").unwrap();
    let install = TestInstall::new("1");
    let event = Event::parse(install.install().to_string().as_bytes(), None).unwrap();
    installs.receive(&slug, event).await.unwrap();
    let id = InstallId::parse(&install.id).unwrap();
    let attempt = installs.provable(&id, 1).await.unwrap().unwrap();
    installs
        .accept(attempt, Proof::Answered, None)
        .await
        .unwrap();
    let launch = LaunchRequest::parse(slug, install.launch().to_string().as_bytes()).unwrap();
    installs.active_for(&launch).await.ok().unwrap()
}

fn session() -> GuestSession {
    GuestSession {
        id: "AAAAAAAAAAAAAAAA".to_owned(),
        user_id: None,
        expires_at: 0,
    }
}

fn request() -> GuestRequest {
    GuestRequest {
        method: "POST".to_owned(),
        path: vec!["tally".to_owned()],
        query: Vec::new(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: BODY.as_bytes().to_vec(),
    }
}
