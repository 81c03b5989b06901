//! The place of a real host: its folders, secrets and ports, and the program as commands in it.

use std::fs;
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tempfile::TempDir;
use url::Url;

use super::process::ProcessHost;
use super::{keys, packages};

/// What a host keeps when it is killed: its folders, its secrets and its ports.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) master_keys: String,
    pub(crate) session_secrets: String,
    port: u16,
    admin_port: u16,
    variables: Vec<(String, String)>,
    /// A program that runs the program, with its arguments; none as a rule.
    under: Vec<String>,
    program: PathBuf,
}

/// The program without any configuration of the machine it runs on, in a folder without `airlock.toml`.
pub(crate) fn command(folder: &Path) -> Command {
    command_under(&[], &packages::airlock(), folder)
}

fn command_under(under: &[String], program: &Path, folder: &Path) -> Command {
    let mut command = match under.split_first() {
        None => Command::new(program),
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    };
    packages::clear(&mut command, &["AIRLOCK_", "SESSION_SECRET"]);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// Room for tests, all of which come from one address. Tests of the limits set them back.
pub(super) fn generous() -> Vec<(String, String)> {
    [
        ("AIRLOCK_LISTENER__CONNECTIONS_PER_ADDRESS", "1024"),
        ("AIRLOCK_RATE__UNKNOWN__PER_SECOND", "0"),
        ("AIRLOCK_RATE__CLOUD__PER_SECOND", "0"),
        ("AIRLOCK_RATE__SESSION__PER_SECOND", "0"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// Ports that no connection is ever given by itself: systems begin those at 32,768 or higher. A host that is started again
/// would else find its port taken now and then.
const PORTS: Range<u16> = 10_240..32_768;

/// A port that is free, and given out once in this process.
fn free_port() -> u16 {
    static NEXT: OnceLock<AtomicU32> = OnceLock::new();
    // Runs of the tests beside this one begin elsewhere.
    let next = NEXT.get_or_init(|| AtomicU32::new(std::process::id().wrapping_mul(97)));
    for _ in PORTS {
        let number = next.fetch_add(1, Ordering::Relaxed) % u32::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(number).expect("less than the ports are many");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free");
}

/// A port for `airlock dev`, which takes the next one for its dashboard too, and one further up for the operator.
pub(crate) fn dev_port() -> u16 {
    loop {
        let (first, second) = (free_port(), free_port());
        let operator_is_free = TcpListener::bind(("127.0.0.1", first + 1010)).is_ok();
        if second == first + 1 && operator_is_free {
            return first;
        }
    }
}

impl Place {
    pub(crate) fn new(api_url: &Url) -> Self {
        let place = Self {
            folder: tempfile::tempdir().expect("a folder"),
            master_keys: keys::generated('k'),
            session_secrets: keys::generated('s'),
            port: free_port(),
            admin_port: free_port(),
            variables: generous(),
            under: Vec::new(),
            program: packages::airlock(),
        };
        fs::create_dir(place.plugins()).expect("a folder");
        place.set("AIRLOCK_CLOUD__API_URL", api_url.as_str())
    }

    /// Sets a value by its variable of the environment.
    pub(crate) fn set(mut self, variable: &str, value: &str) -> Self {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Runs the program under another, such as a tracer, which must leave it as its caller's own child.
    pub(crate) fn under(mut self, program: &[&str]) -> Self {
        self.under = program.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Runs a copy of the program that lies there.
    pub(crate) fn program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// Lays down the package of an app of `guests/`.
    pub(crate) fn package(self, app: &str) -> Self {
        let slug = app.rsplit('/').next().unwrap_or(app);
        packages::lay(&packages::package(app), &self.plugins(), slug);
        self
    }

    /// Lays down an app that can't be served.
    pub(crate) fn dud(self, slug: &str) -> Self {
        packages::lay_dud(&self.plugins(), slug);
        self
    }

    pub(crate) fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where every run of this host has logged to.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("log.txt")
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The program with this place's configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command_under(&self.under, &self.program, self.folder.path());
        command
            .args(arguments)
            .env("AIRLOCK_MASTER_KEYS", &self.master_keys)
            .env("AIRLOCK_SESSION_SECRETS", &self.session_secrets)
            .env("AIRLOCK_PUBLIC_URL", self.origin())
            .env("AIRLOCK_LISTEN", format!("127.0.0.1:{}", self.port))
            .env(
                "AIRLOCK_ADMIN_LISTEN",
                format!("127.0.0.1:{}", self.admin_port),
            )
            .env("AIRLOCK_PLUGINS", self.plugins())
            .env("AIRLOCK_DATA_DIR", self.data())
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("airlock starts")
    }

    /// The JSON that a command prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {error}"))
    }

    /// Starts the host and waits until it is ready.
    pub(crate) async fn serve(&self) -> ProcessHost {
        ProcessHost::start(self).await
    }

    /// Where its operator's listener is.
    pub(crate) fn admin_origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin_port)
    }

    pub(crate) fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log()).unwrap_or_default()).into_owned()
    }
}
