//! For tests: a server that notes every byte that reaches it and answers as told, and an install that calls it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::{CallPolicy, Cloud, CloudSettings, InstanceCloud, Transport};
use crate::config::DatabaseUrl;
use crate::install::{Attempt, Event, Installs, Tenant};
use crate::model::{Clock, Grants, InstallId, ManualClock, Permission, Slug, UnixMillis};
use crate::secret::{Keyring, SecretList};
use crate::store::Database;
use crate::store::installs::Proof;

/// The key of every install here.
pub(crate) const KEY: &str = "blnk_test_0123456789abcdef";

/// What a server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reaction {
    /// Answers with these bytes and closes.
    Answer(Vec<u8>),
    /// Closes without a word.
    Close,
    /// Says nothing and keeps the connection.
    Hang,
}

impl Reaction {
    /// A JSON answer.
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::with(status, "", body)
    }

    /// A JSON answer with more header lines, each ended by CR LF.
    pub(crate) fn with(status: u16, lines: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n"
        );
        Self::Answer(format!("{head}{lines}\r\n{body}").into_bytes())
    }
}

/// A server that notes what reaches it.
pub(crate) struct Server {
    pub(crate) url: url::Url,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    connections: Mutex<usize>,
    requests: Mutex<Vec<String>>,
}

impl Server {
    /// Reacts to the nth request, from 1, as the function says.
    pub(crate) async fn start(react: impl Fn(usize) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Heard::default());
        let (react, notes) = (Arc::new(react), heard.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *notes.connections.lock().unwrap() += 1;
                tokio::spawn(converse(stream, notes.clone(), react.clone()));
            }
        });
        Self {
            url: url.parse().unwrap(),
            heard,
        }
    }

    /// Every request so far as it came in, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.heard.requests.lock().unwrap().clone()
    }

    /// The first lines of the requests so far, without the protocol.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |text: &String| text.lines().next().unwrap().replace(" HTTP/1.1", "");
        self.requests().iter().map(line).collect()
    }

    /// Connections so far. None means that not a byte came.
    pub(crate) fn connections(&self) -> usize {
        *self.heard.connections.lock().unwrap()
    }
}

async fn converse(
    mut stream: TcpStream,
    heard: Arc<Heard>,
    react: Arc<impl Fn(usize) -> Reaction>,
) {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => text.extend_from_slice(&buffer[..count]),
        }
        if is_whole(&text) {
            break;
        }
    }
    let number = {
        let mut requests = heard.requests.lock().unwrap();
        requests.push(String::from_utf8_lossy(&text).into_owned());
        requests.len()
    };
    match react(number) {
        Reaction::Answer(bytes) => {
            // The client may leave before the end: that is some tests' point.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reaction::Close => {}
        Reaction::Hang => std::future::pending().await,
    }
}

/// Head and body are there.
fn is_whole(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// Settings of a Cloud at this address.
pub(crate) fn settings(api_url: url::Url) -> CloudSettings {
    CloudSettings {
        api_url,
        instance_id_on_alerts: true,
        allow_detokenize: false,
    }
}

/// Installs over a database of their own, and Cloud as they reach it.
pub(crate) struct Callers {
    pub(crate) cloud: Cloud,
    pub(crate) clock: Arc<ManualClock>,
    installs: Installs,
    _folder: tempfile::TempDir,
}

impl Callers {
    pub(crate) async fn of(server: &Server) -> Self {
        Self::with(settings(server.url.clone())).await
    }

    pub(crate) async fn with(settings: CloudSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(UnixMillis::new(1_776_000_000_000)));
        let shared: Arc<dyn Clock> = clock.clone();
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        let database = Database::open(&url).await.unwrap();
        let roots = SecretList::parse('k', &SecretList::generate('k', 1)).unwrap();
        let keyring = Arc::new(Keyring::new(roots).unwrap());
        let installs = Installs::open(database, keyring, shared, BTreeMap::new())
            .await
            .unwrap();
        Self {
            cloud: Cloud::new(Transport::new(settings).unwrap(), installs.clone()),
            clock,
            installs,
            _folder: folder,
        }
    }

    /// An attempt to install an app with every scope.
    pub(crate) async fn attempt(&self, app: &str) -> Attempt {
        let id = format!("instapp_{app}");
        let event = serde_json::json!({
            "installed_app_id": id, "app_id": format!("app_{app}"), "instance_id": format!("instance_{app}"),
            "api_key": KEY, "granted_permissions": Permission::ALL.map(Permission::as_str),
            "idempotency_key": format!("install:{id}"),
        });
        let event = Event::parse(event.to_string().as_bytes(), None).unwrap();
        let slug = Slug::parse(app).unwrap();
        self.installs.receive(&slug, event).await.unwrap();
        let id = InstallId::parse(id).unwrap();
        self.installs.provable(&id, 1).await.unwrap().unwrap()
    }

    /// An active install of an app with every scope.
    pub(crate) async fn install(&self, app: &str) -> Tenant {
        let attempt = self.attempt(app).await;
        let id = attempt.tenant().install_id().clone();
        self.installs
            .accept(attempt, Proof::Answered, None)
            .await
            .unwrap();
        self.installs.live().find(&id).unwrap().unwrap()
    }

    /// Ends an install.
    pub(crate) async fn uninstall(&self, tenant: &Tenant) {
        let id = tenant.install_id().as_str();
        let event = serde_json::json!({
            "installed_app_id": id, "app_id": tenant.app_id().as_str(),
            "instance_id": tenant.instance_id().as_str(), "idempotency_key": format!("uninstall:{id}"),
        });
        let event = Event::parse(event.to_string().as_bytes(), None).unwrap();
        self.installs.receive(tenant.slug(), event).await.unwrap();
    }

    /// One guest call of an install whose package asks for some scopes.
    pub(crate) fn call(&self, tenant: &Tenant, requested: &[Permission]) -> InstanceCloud {
        let policy = CallPolicy {
            grants: Grants::new(
                tenant.granted().clone(),
                requested.iter().copied().collect(),
            ),
            metadata_keys: BTreeSet::new(),
            read_only: false,
            max_calls: 1000,
            max_parallel: 4,
            max_reply_bytes: 2000,
            run_id: "run".to_owned(),
            deadline: Instant::now() + Duration::from_secs(30),
        };
        self.cloud.bind(tenant.clone(), policy)
    }
}
