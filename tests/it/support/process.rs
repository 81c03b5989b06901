//! The real program as a host that can be killed.

use std::fs::{self, File};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use airlock_cloud_sim::{CloudSim, Registration};
use serde_json::Value;
use tokio::task::JoinHandle;
use url::Url;

use super::clients::CloudClient;
use super::http::{Answer, Ask, Http};
use super::place::Place;
use super::poll;

/// A running `airlock serve`. It is killed when this is dropped.
pub(crate) struct ProcessHost {
    child: Child,
    pub(crate) http: Http,
    pub(crate) admin: Http,
    token: String,
}

impl ProcessHost {
    /// Starts the host of a place and waits until it is ready.
    pub(crate) async fn start(place: &Place) -> Self {
        let mut host = Self::begin(place).await;
        host.until_ready(place).await;
        host
    }

    /// Starts the host of a place and waits until its operator is answered, ready or not.
    pub(crate) async fn begin(place: &Place) -> Self {
        let log = File::options()
            .create(true)
            .append(true)
            .open(place.log())
            .expect("a log file");
        let child = place
            .command(&["serve"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let mut host = Self {
            child: child.expect("airlock starts"),
            http: Http::new(&place.origin()),
            admin: Http::new(&place.admin_origin()),
            token: String::new(),
        };
        host.until(place, "the host listens", |_| true).await;
        host.token = fs::read_to_string(place.data().join("admin.token")).expect("a token");
        host
    }

    /// Waits until the host says that it is ready.
    pub(crate) async fn until_ready(&mut self, place: &Place) {
        self.until(place, "the host is ready", |status| status == 200)
            .await;
    }

    /// Waits until `/ready` is answered so.
    async fn until(&mut self, place: &Place, what: &str, is_so: impl Fn(u16) -> bool) {
        poll::until(what, async || {
            if let Some(status) = self.child.try_wait().expect("a child's status") {
                panic!("airlock serve ended with {status}: {}", place.log_text());
            }
            let ready = self.admin.try_send(Ask::get("/ready")).await;
            ready.is_ok_and(|answer| is_so(answer.status)).then_some(())
        })
        .await;
    }

    /// Registers an app in a simulated Cloud. Answers its `app_id`.
    pub(crate) async fn register(&self, sim: &CloudSim, slug: &str) -> String {
        let report = self.report(&format!("/apps/{slug}")).await;
        let text = |name: &str| report[name].as_str().expect(name).to_owned();
        let scopes = ["data:read", "data:write", "alerts:write"];
        let registered = sim.register(Registration {
            slug: slug.to_owned(),
            callback_url: text("callback_url"),
            portal_generator_url: text("portal_generator_url"),
            permissions: scopes
                .map(|scope| (scope.to_owned(), "For the test.".to_owned()))
                .to_vec(),
            ..Registration::default()
        });
        registered.await.app_id
    }

    /// A report of the operator's listener.
    pub(crate) async fn report(&self, path: &str) -> Value {
        let bearer = format!("Bearer {}", self.token);
        self.admin
            .send(Ask::get(path).header("authorization", &bearer))
            .await
            .expect(200)
            .json()
    }

    /// A change by the operator's listener.
    pub(crate) async fn change(&self, path: &str) -> Value {
        let answer = self.begin_change(path).await.expect("a task");
        answer.expect("an answer").expect(200).json()
    }

    /// The same, without waiting for the answer: it may never come.
    pub(crate) fn begin_change(&self, path: &str) -> JoinHandle<reqwest::Result<Answer>> {
        let bearer = format!("Bearer {}", self.token);
        let ask = Ask::post(path).header("authorization", &bearer);
        let admin = self.admin.clone();
        tokio::spawn(async move { admin.try_send(ask).await })
    }

    /// Sends a signal by its name, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.id().to_string())
            .status()
            .expect("kill starts");
        assert!(sent.success());
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The two addresses of an app.
    pub(crate) async fn cloud(&self, slug: &str) -> CloudClient {
        let report = self.report(&format!("/apps/{slug}")).await;
        let path = |name: &str| {
            let address: Url = report[name]
                .as_str()
                .expect(name)
                .parse()
                .expect("an address");
            address.path().to_owned()
        };
        CloudClient {
            http: self.http.clone(),
            callback: path("callback_url"),
            portal: path("portal_generator_url"),
        }
    }

    /// Waits until an install stands so.
    pub(crate) async fn until_status(&self, install: &str, status: &str) {
        poll::until(&format!("{install} is {status}"), async || {
            let installs = self.report("/installs").await;
            let lines = installs.as_array().expect("an array").iter();
            let mut found = lines.filter(|line| line["installed_app_id"] == install);
            found.any(|line| line["status"] == status).then_some(())
        })
        .await;
    }

    pub(crate) fn token(&self) -> &str {
        self.token.trim()
    }

    /// SIGKILL: no code of the host's runs after this.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a living child");
        self.child.wait().expect("a dead child");
    }

    /// SIGTERM, then waits for the end.
    pub(crate) fn stop(self) -> ExitStatus {
        self.begin_stop();
        self.ended()
    }

    /// SIGTERM, without waiting for anything.
    pub(crate) fn begin_stop(&self) {
        self.signal("TERM");
    }

    /// Waits for the end after [`ProcessHost::begin_stop`].
    pub(crate) fn ended(mut self) -> ExitStatus {
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            if let Some(status) = self.child.try_wait().expect("a child's status") {
                return status;
            }
            assert!(Instant::now() < end, "the host did not stop within 60 s");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for ProcessHost {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
