//! A server that falls silent in the middle: the connection stands, and nothing comes over it any more.

use std::future::pending;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::*;

/// Ten times what the server and this host allow together.
const NEVER: Duration = Duration::from_secs(200);
/// The name of the socket of a server at the usual port.
const SOCKET: &str = ".s.PGSQL.5432";

/// A way to the server. A connection over it falls silent for good as a firewall makes it that drops everything; new
/// ones get through.
struct Wire {
    folder: tempfile::TempDir,
    shared: Arc<Shared>,
}

struct Shared {
    server: std::path::PathBuf,
    /// The next message that holds this never arrives, nor does anything after it on its connection.
    last_word: Mutex<Option<&'static str>>,
    /// Silences every connection that there is.
    silence: watch::Sender<()>,
}

impl Wire {
    fn to(test: &TestDatabase) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (_, server) = test.url().split_once("host=").unwrap();
        let shared = Arc::new(Shared {
            server: std::path::Path::new(server).join(SOCKET),
            last_word: Mutex::new(None),
            silence: watch::Sender::new(()),
        });
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let carried = shared.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carried.clone().carry(near));
            }
        });
        Self { folder, shared }
    }

    async fn database(&self, test: &TestDatabase) -> Database {
        let (name, _) = test.url().split_once("host=").unwrap();
        let url = format!("{name}host={}", self.folder.path().display());
        Database::open(&DatabaseUrl::parse(&url).unwrap())
            .await
            .unwrap()
    }

    fn falls_silent_at(&self, word: &'static str) {
        *self.shared.last_word.lock().unwrap() = Some(word);
    }

    fn has_fallen_silent(&self) -> bool {
        self.shared.last_word.lock().unwrap().is_none()
    }
}

impl Shared {
    async fn carry(self: Arc<Self>, near: UnixStream) {
        let far = UnixStream::connect(&self.server).await.unwrap();
        let (mut near_in, mut near_out) = near.into_split();
        let (mut far_in, mut far_out) = far.into_split();
        let mut silence = self.silence.subscribe();
        let up = async {
            let mut buffer = vec![0; 65536];
            loop {
                let count = near_in.read(&mut buffer).await.unwrap_or(0);
                let message = &buffer[..count];
                if self.is_last(message) {
                    return true;
                }
                if count == 0 || far_out.write_all(message).await.is_err() {
                    return false;
                }
            }
        };
        let down = tokio::io::copy(&mut far_in, &mut near_out);
        let is_silent = tokio::select! {
            is_silent = up => is_silent,
            _ = down => false,
            _ = silence.changed() => true,
        };
        if is_silent {
            // Both ends stay open.
            pending::<()>().await;
        }
    }

    fn is_last(&self, message: &[u8]) -> bool {
        let mut last = self.last_word.lock().unwrap();
        let holds = |word: &str| {
            let mut parts = message.windows(word.len());
            parts.any(|part| part == word.as_bytes())
        };
        let is_last = last.is_some_and(holds);
        if is_last {
            *last = None;
        }
        is_last
    }
}

/// A host over a wire, with an active install `instapp_1`.
struct Wired {
    world: World,
    wire: Wire,
    installs: Installs,
    endpoints: Endpoints,
    switches: Switches,
    tenant: Tenant,
}

async fn wired() -> Wired {
    let world = world(TestDatabase::postgres()).await;
    let tenant = world.active("instapp_1").await;
    let wire = Wire::to(&world.test);
    let database = wire.database(&world.test).await;
    let (keys, time) = (world.keyring.clone(), world.clock.clone());
    let apps = BTreeMap::new();
    let installs = Installs::open(database.clone(), keys.clone(), time.clone(), apps).await;
    let endpoints = Endpoints::open(database.clone(), keys, time.clone())
        .await
        .unwrap();
    endpoints.ensure(&world.slug).await.unwrap();
    Wired {
        installs: installs.unwrap(),
        endpoints,
        switches: Switches::open(database, time).await.unwrap(),
        world,
        wire,
        tenant,
    }
}

impl Wired {
    /// The change runs into the silence and ends; then the host goes on as if nothing had been.
    async fn goes_on_after<T, E>(&self, change: impl Future<Output = Result<T, E>>) {
        assert!(timeout(NEVER, change).await.is_ok(), "it never ended");
        assert!(self.wire.has_fallen_silent(), "it met no silence");
        let next = async {
            let event = event("uninstall", "instapp_1");
            self.installs
                .receive(&self.world.slug, event)
                .await
                .unwrap();
            self.endpoints.rotate(&self.world.slug).await.unwrap();
            self.switches.enable(&self.world.slug).await.unwrap();
        };
        timeout(NEVER, next).await.expect("the host is stuck");
        let ended = self.installs.live().check_current(&self.tenant);
        assert_eq!(ended, Err(NotCurrent::Ended));
    }
}

#[tokio::test]
async fn r3_an_uninstall_that_the_server_never_answers_stops_nothing_after_it() {
    let wired = wired().await;
    wired.wire.falls_silent_at("COMMIT");
    let event = event("uninstall", "instapp_1");
    let receiving = wired.installs.receive(&wired.world.slug, event);
    wired.goes_on_after(receiving).await;
}

#[tokio::test]
async fn r3_a_step_of_a_rotation_that_the_server_never_answers_stops_nothing_after_it() {
    let wired = wired().await;
    wired.wire.falls_silent_at("from installs where api_key_ct");
    wired.goes_on_after(wired.installs.rotate()).await;
}

#[tokio::test]
async fn r3_a_change_of_addresses_that_the_server_never_answers_stops_nothing_after_it() {
    let wired = wired().await;
    wired.wire.falls_silent_at("COMMIT");
    let changing = wired.endpoints.rotate(&wired.world.slug);
    wired.goes_on_after(changing).await;
    assert!(!wired.endpoints.older(&wired.world.slug).is_empty());
}

#[tokio::test]
async fn r3_a_switch_that_the_server_never_answers_stops_nothing_after_it() {
    let wired = wired().await;
    wired.wire.falls_silent_at("COMMIT");
    let switching = wired.switches.disable(&wired.world.slug);
    wired.goes_on_after(switching).await;
}

#[tokio::test]
async fn k4_keys_are_exchanged_also_where_the_server_never_answers_what_follows() {
    let test = TestDatabase::postgres();
    let wire = Wire::to(&test);
    let (old, new) = (text(1), text(2));
    let keys = |texts: &[&str]| {
        let list = SecretList::parse('k', &texts.join(",").into()).unwrap();
        Keyring::new(list).unwrap()
    };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(UnixMillis::new(1_800_000_000_000)));
    let database = wire.database(&test).await;
    let keyring = Arc::new(keys(&[&old]));
    let installs = Installs::open(database, keyring, clock, BTreeMap::new()).await;
    let installs = installs.unwrap();
    // The end of the exchange itself, which wrote nothing; then that of the reading after it.
    for (word, ring, ids) in [
        ("ROLLBACK", keys(&[&new, &old]), vec![2, 1]),
        ("COMMIT", keys(&[&old]), vec![1]),
    ] {
        // Until the server has given the turn of an earlier silence to others: what is tried before may be too early.
        let has_turn = async || match installs.database().write().await {
            Ok(turn) => turn.commit().await.is_ok(),
            Err(_) => false,
        };
        while !has_turn().await {}
        wire.falls_silent_at(word);
        let exchanged = timeout(NEVER, installs.exchange_keys(ring)).await;
        exchanged.expect("it never ended").unwrap();
        assert_eq!(installs.keyring().ids(), ids);
        assert!(wire.has_fallen_silent(), "it met no silence");
    }
    let slug = Slug::parse("kyc").unwrap();
    let stored = async || {
        let event = event("install", "instapp_1");
        installs.receive(&slug, event).await.is_ok()
    };
    // The server gives the turn of the silent one to others after 10 s.
    assert!(stored().await || stored().await || stored().await);
}

fn text(id: u32) -> String {
    let secret = SecretList::generate('k', id);
    #[expect(clippy::disallowed_methods, reason = "a test key")]
    secrecy::ExposeSecret::expose_secret(&secret).to_owned()
}

#[tokio::test]
async fn r3_connections_that_went_silent_make_room_for_new_ones() {
    let world = world(TestDatabase::postgres()).await;
    let wire = Wire::to(&world.test);
    let database = wire.database(&world.test).await;
    // As many as the host has for writing.
    for _ in 0..4 {
        let mut tx = database.write().await.unwrap();
        wire.shared.silence.send_replace(());
        let asked = sqlx::query("select 1").execute(&mut *tx);
        let asked = timeout(Duration::from_millis(200), asked).await;
        assert!(asked.is_err(), "nothing was silent");
        drop(tx);
        // The server gives the turn up at once, and not after the 10 s that it allows.
        let mut connection = world.installs.database().read().await.unwrap();
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and state like 'idle in transaction%'",
        )
        .execute(&mut *connection)
        .await
        .unwrap();
    }
    let tx = database.write().await.unwrap();
    tx.rollback().await.unwrap();
}
