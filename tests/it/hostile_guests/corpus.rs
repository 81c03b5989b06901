//! A running host with guests of the corpus and one healthy app, all installed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use airlock_cloud_sim::{CloudSim, Installed, Options};
use airlock_test_guests::Probe;
use serde_json::Value;

use crate::support::packages::lay_component;
use crate::support::{Place, Portal, ProcessHost};

/// Ten times what a healthy app may take to answer after a hostile guest (S1).
const HEALTHY_WITHIN: Duration = Duration::from_secs(1);
/// The healthy app.
const HEALTHY: &str = "healthy";

/// What became of a call, as the host's log and the page see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The guest answered with this status.
    Answered(u16),
    Cpu,
    Wall,
    Memory,
    Trap,
    Limit,
    BadOutput,
}

impl Outcome {
    /// The word in the log.
    fn word(self) -> &'static str {
        match self {
            Self::Answered(_) => "ok",
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Memory => "memory",
            Self::Trap => "trap",
            Self::Limit => "limit",
            Self::BadOutput => "bad-output",
        }
    }

    /// Status and problem of the answer to the page.
    fn answer(self) -> (u16, Option<&'static str>) {
        match self {
            Self::Answered(status) => (status, None),
            Self::Cpu | Self::Wall => (504, Some("app-timeout")),
            Self::Memory | Self::Trap | Self::Limit | Self::BadOutput => (502, Some("app-failed")),
        }
    }
}

/// A guest of the corpus by its name.
pub(super) fn probe(name: &str) -> Probe {
    let found = airlock_test_guests::probes().into_iter();
    let mut found = found.filter(|probe| probe.name == name);
    found
        .next()
        .unwrap_or_else(|| panic!("there is no guest {name}"))
}

/// The slug that a guest is installed under.
pub(super) fn slug(name: &str) -> String {
    name.replace('_', "-")
}

/// A place whose log can be read by line, with a healthy app in it.
pub(super) async fn place() -> (CloudSim, Place) {
    let options = Options {
        extra_instances: 1,
        ..Options::default()
    };
    let sim = CloudSim::start(options).await.unwrap();
    let place = Place::new(&sim.api_url())
        .set("AIRLOCK_LOG__FORMAT", "json")
        .set("AIRLOCK_LOG__FILTER", "info,airlock::call=debug");
    let healthy = airlock_test_guests::guest("");
    lay_component(&place.plugins(), HEALTHY, "", &healthy);
    (sim, place)
}

/// Lays down guests of the corpus, each with what its `app.toml` says beyond its name.
pub(super) fn lay<'a>(place: &Place, guests: impl IntoIterator<Item = (&'a str, &'a str)>) {
    for (name, manifest) in guests {
        let component = probe(name).component();
        lay_component(&place.plugins(), &slug(name), manifest, &component);
    }
}

/// The running host.
pub(super) struct Corpus {
    pub(super) sim: CloudSim,
    pub(super) place: Place,
    pub(super) host: ProcessHost,
    healthy: Portal,
    apps: BTreeMap<String, String>,
}

impl Corpus {
    /// Starts the host of a place.
    pub(super) async fn start(sim: CloudSim, place: Place) -> Self {
        let host = place.serve().await;
        let app_id = host.register(&sim, HEALTHY).await;
        let install = sim.install(&app_id, &["data:read"]).await.unwrap();
        let healthy = open(&host, &sim, &install).await;
        let corpus = Self {
            sim,
            place,
            host,
            healthy,
            apps: BTreeMap::new(),
        };
        corpus.assert_healthy("the start").await;
        corpus
    }

    /// Installs an app on the first instance.
    pub(super) async fn install(&mut self, app: &str, granted: &[&str]) -> Installed {
        let app_id = self.app_id(app).await;
        self.sim.install(&app_id, granted).await.unwrap()
    }

    /// Installs an app on an instance.
    pub(super) async fn install_on(
        &mut self,
        app: &str,
        instance: &str,
        granted: &[&str],
    ) -> Installed {
        let app_id = self.app_id(app).await;
        let installed = self.sim.install_on(&app_id, instance, granted).await;
        installed.unwrap()
    }

    async fn app_id(&mut self, app: &str) -> String {
        if !self.apps.contains_key(app) {
            let app_id = self.host.register(&self.sim, app).await;
            self.apps.insert(app.to_owned(), app_id);
        }
        self.apps[app].clone()
    }

    /// Installs an app and opens its portal.
    pub(super) async fn open(&mut self, app: &str, granted: &[&str]) -> Portal {
        let install = self.install(app, granted).await;
        self.portal(&install).await
    }

    /// Opens the portal of an install.
    pub(super) async fn portal(&self, install: &Installed) -> Portal {
        open(&self.host, &self.sim, install).await
    }

    /// Makes one call and looks at what became of it: what the page saw, and the one line in the log. Answers what is not
    /// as expected.
    pub(super) async fn outcome_is(
        &self,
        app: &str,
        portal: &Portal,
        expected: Outcome,
    ) -> Result<(), String> {
        // The hooks of an install are calls of their own, and come when they come.
        let of_portals = || -> Vec<Value> {
            let is_hook =
                |line: &Value| line["route"] == "installed" || line["route"] == "uninstalled";
            let calls = calls_of(&self.place, app).into_iter();
            calls.filter(|line| !is_hook(line)).collect()
        };
        let before = of_portals().len();
        let answer = portal.get("anything").await;
        let calls = of_portals();
        let seen = format!("{app}: {} {}; {calls:?}", answer.status, answer.text());
        let (status, problem) = expected.answer();
        if answer.status != status {
            return Err(seen);
        }
        if let Some(problem) = problem {
            answer.problem(status, problem);
        }
        let line = calls.last().filter(|_| calls.len() == before + 1);
        let as_expected = line.is_some_and(|line| {
            line["outcome"] == expected.word() && line["install.id"].is_string()
        });
        if as_expected { Ok(()) } else { Err(seen) }
    }

    /// Asserts that the healthy app answers in time, from the same process as before.
    pub(super) async fn assert_healthy(&self, after: &str) {
        let begun = Instant::now();
        let answer = self.healthy.get("me").await;
        let took = begun.elapsed();
        assert_eq!(answer.status, 200, "after {after}: {}", answer.text());
        assert!(took < HEALTHY_WITHIN, "after {after}: {took:?}");
    }

    /// Stops the host, which must have lived until now and end in order.
    pub(super) fn stop(self) {
        let ended = self.host.stop();
        assert!(ended.success(), "{ended}: {}", self.place.log_text());
    }
}

async fn open(host: &ProcessHost, sim: &CloudSim, install: &Installed) -> Portal {
    let address = sim.launch(&install.installed_app_id).await.unwrap();
    Portal::open(&host.http, &address).await
}

/// The log by line. Every line must be one JSON object.
pub(super) fn log(place: &Place) -> Vec<Value> {
    let text = place.log_text();
    // The last may be half written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines().map(|line| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the log: {line}"))
    });
    lines.collect()
}

/// The records of an app's calls.
pub(super) fn calls_of(place: &Place, app: &str) -> Vec<Value> {
    let mut lines = log(place);
    lines.retain(|line| line["app"] == app && line["outcome"].is_string());
    lines
}

/// What an app said in the log.
pub(super) fn words_of(place: &Place, app: &str) -> Vec<Value> {
    let mut lines = log(place);
    lines.retain(|line| line["app"] == app && line["source"] == "guest");
    lines
}

/// A number that the kernel tells of a process, such as `VmRSS` in KiB.
pub(super) fn process_figure(id: u32, name: &str) -> u64 {
    let status = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("status"));
    let status = status.expect("a living process");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let digits = line.expect(name).trim_start_matches(':').trim();
    let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}
