//! What is switched, reloaded and removed while something is compiled: with a compiler that waits for the test.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::sync::DropGuard;

use super::code::CompiledCode;
use super::scan::ScanLimits;
use super::*;
use crate::runtime::engine::Engine;
use crate::runtime::testing::{World, guest, lay};
use crate::runtime::{App, AppStatus, RuntimeSettings};
use crate::secret::{Keyring, SecretList};

/// A runtime whose compiler gives the same code for everything: it fails while there is a file `fail`, notes that it began,
/// and waits while there is a file `wait`.
struct Slow {
    world: World,
    folder: tempfile::TempDir,
}

impl Slow {
    fn new_folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let limits = ScanLimits {
            memory_bytes: 1 << 26,
        };
        let engine = Engine::for_compiling().unwrap();
        let code = CompiledCode::compile(&engine, &guest(""), limits).unwrap();
        std::fs::write(folder.path().join("code"), code.bytes()).unwrap();
        let place = folder.path().display();
        let script = format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin\ncat > /dev/null\necho >> {place}/begun\n\
             if [ -e {place}/fail ]; then exit 1; fi\n\
             while [ -e {place}/wait ]; do sleep 0.02; done\nexec cat {place}/code\n"
        );
        let program = folder.path().join("compiler");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        folder
    }

    /// With an empty folder of packages.
    async fn empty() -> Self {
        let folder = Self::new_folder();
        let roots = SecretList::parse('k', &SecretList::generate('k', 1)).unwrap();
        let settings = RuntimeSettings {
            compiler: Compiler::Child(folder.path().join("compiler")),
            cache: Some(CacheSettings {
                folder: folder.path().join("cache"),
                keyring: Arc::new(Keyring::new(roots).unwrap()),
            }),
            ..RuntimeSettings::default()
        };
        let world = World::with(&[], settings).await;
        Self { world, folder }
    }

    /// With the app `kyc`, which serves.
    async fn new() -> Self {
        let slow = Self::empty().await;
        slow.world.load("", &component(0)).await;
        slow
    }

    fn set(&self, name: &str) {
        std::fs::write(self.folder.path().join(name), "").unwrap();
    }

    fn unset(&self, name: &str) {
        std::fs::remove_file(self.folder.path().join(name)).unwrap();
    }

    /// How many compilations have begun.
    fn begun(&self) -> usize {
        let begun = std::fs::read_to_string(self.folder.path().join("begun"));
        begun.map_or(0, |text| text.lines().count())
    }

    fn watch(&self) -> DropGuard {
        let stopping = CancellationToken::new();
        let (runtime, told) = (self.world.runtime.clone(), stopping.clone());
        tokio::spawn(async move { runtime.watch(told).await });
        stopping.drop_guard()
    }

    fn find(&self, slug: &str) -> Option<Arc<App>> {
        let slug = Slug::parse(slug).unwrap();
        self.world.runtime.registry().find(&slug)
    }

    /// A reload of `kyc` by somebody who waits for it.
    fn begin_reload(&self) -> tokio::task::JoinHandle<Change> {
        let runtime = self.world.runtime.clone();
        tokio::spawn(async move { runtime.reload(&kyc()).await })
    }
}

fn kyc() -> Slug {
    Slug::parse("kyc").unwrap()
}

/// A component for each number.
fn component(number: u32) -> Vec<u8> {
    guest(&format!("(drop (i32.const {number}))"))
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = tokio::time::Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(tokio::time::Instant::now() < end, "in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn serves(app: Option<Arc<App>>) -> bool {
    app.is_some_and(|app| app.status() == AppStatus::Serving && app.reason().is_none())
}

fn developer(slow: &Slow) -> String {
    let app = slow.find("kyc").unwrap();
    app.manifest().unwrap().developer.clone()
}

#[tokio::test]
async fn a_reload_whose_caller_leaves_comes_to_its_end() {
    let slow = Slow::new().await;
    slow.set("wait");
    lay(
        &slow.world.plugins,
        "kyc",
        "developer = \"new\"",
        &component(1),
    );
    let reload = slow.begin_reload();
    until("it is compiled", || slow.begun() == 2).await;
    reload.abort();
    assert!(reload.await.unwrap_err().is_cancelled());
    let _watch = slow.watch();
    slow.unset("wait");
    until("the new version serves", || {
        developer(&slow) == "new" && serves(slow.find("kyc"))
    })
    .await;
}

#[tokio::test]
async fn what_is_switched_off_serves_nobody_at_once_and_not_when_its_compilation_ends() {
    let slow = Slow::new().await;
    let runtime = &slow.world.runtime;
    lay(&slow.world.plugins, "other", "", &component(0));
    runtime.reload_all().await;
    assert!(serves(slow.find("other")));
    slow.set("wait");
    lay(
        &slow.world.plugins,
        "kyc",
        "developer = \"new\"",
        &component(1),
    );
    let reload = slow.begin_reload();
    until("it is compiled", || slow.begun() == 2).await;
    slow.world.body().await;
    runtime.switch_off(|| [kyc()].into());
    let status = |slug: &str| slow.find(slug).unwrap().status();
    assert_eq!(status("kyc"), AppStatus::Disabled);
    assert_eq!(slow.world.failure().await.0.status(), 503);
    slow.unset("wait");
    assert_eq!(reload.await.unwrap(), Change::Off);
    assert_eq!(status("kyc"), AppStatus::Disabled);
    assert_eq!(developer(&slow), "new");
    slow.world.failure().await;
    // One that compiles for long when it is switched on holds up no other switch.
    slow.set("wait");
    lay(
        &slow.world.plugins,
        "kyc",
        "developer = \"newest\"",
        &component(2),
    );
    runtime.switch_off(std::collections::BTreeSet::new);
    until("it is compiled", || slow.begun() == 3).await;
    let other = Slug::parse("other").unwrap();
    runtime.switch_off(|| [other].into());
    assert_eq!(status("other"), AppStatus::Disabled);
    slow.unset("wait");
    until("it serves again", || serves(slow.find("kyc"))).await;
    assert_eq!(developer(&slow), "newest");
    assert_eq!(status("other"), AppStatus::Disabled);
}

#[tokio::test]
async fn the_hosts_own_trouble_is_told_and_tried_again_until_it_is_over() {
    let slow = Slow::empty().await;
    slow.set("fail");
    lay(&slow.world.plugins, "kyc", "", &component(0));
    slow.world.runtime.load_folder(&slow.world.plugins).await;
    let app = slow.find("kyc").unwrap();
    assert_eq!(app.status(), AppStatus::Broken);
    assert_eq!(
        app.reason(),
        Some("the compiler failed: exit status: 1: it said nothing; the host tries again")
    );
    let _watch = slow.watch();
    until("it was tried again", || slow.begun() >= 3).await;
    slow.unset("fail");
    until("it serves", || serves(slow.find("kyc"))).await;
}

#[test]
fn the_same_trouble_is_waited_for_longer_each_time() {
    assert_eq!(
        watch::waits(6),
        [2, 4, 8, 16, 32, 64].map(Duration::from_secs)
    );
    assert_eq!(watch::waits(20).last(), Some(&Duration::from_mins(10)));
}

#[tokio::test]
async fn apps_that_wait_for_the_compiler_hold_up_no_page_and_no_removal() {
    let slow = Slow::new().await;
    lay(&slow.world.plugins, "other", "", &component(0));
    slow.world.runtime.reload_all().await;
    let _watch = slow.watch();
    slow.set("wait");
    let names: Vec<_> = (1..=6).map(|number| format!("slow-{number}")).collect();
    for (number, name) in (1..).zip(&names) {
        lay(&slow.world.plugins, name, "", &component(number));
    }
    // By now all six were heard of, and one of them is at the compiler.
    until("one is compiled", || slow.begun() == 2).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    lay(
        &slow.world.plugins,
        "kyc",
        "developer = \"new\"",
        &component(0),
    );
    std::fs::remove_dir_all(slow.world.plugins.join("other")).unwrap();
    until("the page is served", || developer(&slow) == "new").await;
    until("what is gone was dropped", || slow.find("other").is_none()).await;
    assert_eq!(slow.begun(), 2);
    slow.unset("wait");
    until("all serve", || {
        names.iter().all(|name| serves(slow.find(name)))
    })
    .await;
}

#[tokio::test]
async fn a_start_without_a_cache_waits_for_no_compilation() {
    let slow = Slow::empty().await;
    slow.set("wait");
    lay(&slow.world.plugins, "kyc", "", &component(0));
    lay(&slow.world.plugins, "broken", "", b"no");
    let runtime = &slow.world.runtime;
    runtime.load_cached(&slow.world.plugins).await;
    let app = slow.find("kyc").unwrap();
    assert_eq!(app.status(), AppStatus::Broken);
    assert!(app.reason().unwrap().contains("is being compiled"));
    assert_eq!(runtime.starting(), 2);
    let _watch = slow.watch();
    // One is compiled at a time, whichever comes first.
    slow.unset("wait");
    until("both are decided", || runtime.starting() == 0).await;
    assert!(serves(slow.find("kyc")));
    let other = slow.find("broken").unwrap();
    assert_eq!(other.status(), AppStatus::Broken);
    assert!(!other.reason().unwrap().contains("is being compiled"));
    // From now on the cache has it.
    lay(&slow.world.plugins, "again", "", &component(0));
    runtime.load_cached(&slow.world.plugins).await;
    assert!(serves(slow.find("again")));
}

#[tokio::test]
async fn a_reload_of_all_drops_nothing_that_is_between_two_renames() {
    let slow = Slow::new().await;
    let runtime = slow.world.runtime.clone();
    let (place, away) = (
        slow.world.plugins.join("kyc"),
        slow.folder.path().join("kyc"),
    );
    std::fs::rename(&place, &away).unwrap();
    let reload = tokio::spawn(async move { runtime.reload_all().await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(serves(slow.find("kyc")));
    std::fs::rename(&away, &place).unwrap();
    assert_eq!(reload.await.unwrap(), [(kyc(), Change::Unchanged)]);
    std::fs::rename(&place, &away).unwrap();
    let gone = slow.world.runtime.reload_all().await;
    assert_eq!(gone, [(kyc(), Change::Removed)]);
}

#[tokio::test]
async fn an_app_that_comes_back_has_the_permits_that_its_former_calls_still_hold() {
    let slow = Slow::new().await;
    let runtime = &slow.world.runtime;
    // As a call holds it that is still running.
    let former = slow.find("kyc").unwrap();
    std::fs::remove_dir_all(slow.world.plugins.join("kyc")).unwrap();
    assert_eq!(runtime.reload(&kyc()).await, Change::Removed);
    lay(&slow.world.plugins, "kyc", "", &component(0));
    assert_eq!(runtime.reload(&kyc()).await, Change::Loaded);
    let back = slow.find("kyc").unwrap();
    assert!(Arc::ptr_eq(former.admission(), back.admission()));
}
