//! A folder of packages while it is watched: what is dropped in, replaced, removed, broken and mended.
//!
//! Goals are a second and less; the waits here give up after ten times that and more.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::runtime::testing::{NOW, World, guest, lay};
use crate::runtime::{App, AppStatus};

/// A runtime whose folder is watched, until this is dropped.
struct Watched {
    world: World,
    _stopping: tokio_util::sync::DropGuard,
}

impl Watched {
    /// With the app `kyc`.
    async fn new() -> Self {
        let world = World::new(&[]).await;
        world.load("", &guest("")).await;
        Self::over(world)
    }

    fn over(world: World) -> Self {
        let stopping = CancellationToken::new();
        let (runtime, told) = (world.runtime.clone(), stopping.clone());
        tokio::spawn(async move { runtime.watch(told).await });
        Self {
            world,
            _stopping: stopping.drop_guard(),
        }
    }

    fn find(&self, slug: &str) -> Option<Arc<App>> {
        let slug = Slug::parse(slug).unwrap();
        self.world.runtime.registry().find(&slug)
    }

    /// Waits until `kyc` is as it should be.
    async fn until(&self, what: &str, is_so: impl Fn(&App) -> bool) -> Arc<App> {
        self.until_of("kyc", what, |app| app.is_some_and(&is_so))
            .await
            .unwrap()
    }

    async fn until_of(
        &self,
        slug: &str,
        what: &str,
        is_so: impl Fn(Option<&App>) -> bool,
    ) -> Option<Arc<App>> {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let app = self.find(slug);
            if is_so(app.as_deref()) {
                return app;
            }
            let state = app.as_ref().map(|app| (app.status(), app.reason()));
            assert!(
                Instant::now() < end,
                "in vain until {slug} {what}: {state:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until nothing can be under way any more: longer than any debounce, grace and rescan.
    async fn settle(&self) {
        tokio::time::sleep(RESCAN + GRACE).await;
    }
}

fn serves(app: &App) -> bool {
    app.status() == AppStatus::Serving && app.reason().is_none()
}

/// The same each time, and slow to make.
static COMPONENT: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();

/// A version of `kyc` beside the folder, ready to be renamed into it.
fn beside(world: &World, name: &str) -> PathBuf {
    let staging = world.plugins.join(".staging").join(name);
    let component = COMPONENT.get_or_init(|| guest(""));
    lay(
        &staging,
        "kyc",
        &format!("developer = \"{name}\""),
        component,
    )
}

fn developer(app: &App) -> &str {
    &app.manifest().unwrap().developer
}

fn exchange(one: &Path, other: &Path) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
}

#[tokio::test]
async fn an_app_that_is_dropped_in_serves_and_the_others_are_not_touched() {
    let watched = Watched::new().await;
    let before = watched.find("kyc").unwrap();
    lay(&watched.world.plugins, "other", "", &guest(""));
    watched
        .until_of("other", "serves", |app| app.is_some_and(serves))
        .await;
    assert!(Arc::ptr_eq(&before, &watched.find("kyc").unwrap()));
}

#[tokio::test]
async fn a_replaced_app_serves_the_new_version_and_lets_go_of_the_old_ones_code() {
    let watched = Watched::new().await;
    let old = watched.find("kyc").unwrap();
    let code = Arc::downgrade(old.plugin().unwrap());
    let page = Arc::clone(old.page().unwrap());
    drop(old);
    page.is_needed_until(NOW.plus(Duration::from_mins(15)));
    exchange(
        &beside(&watched.world, "new"),
        &watched.world.plugins.join("kyc"),
    );
    let new = watched
        .until("is the new one", |app| developer(app) == "new")
        .await;
    assert!(serves(&new));
    assert_eq!(code.strong_count(), 0);
    // Its page is still there for whoever was shown it, and it alone.
    let registry = watched.world.runtime.registry();
    let kept = registry.find_page(new.slug(), page.digest(), NOW).unwrap();
    assert!(Arc::ptr_eq(&kept, &page));
    watched.world.body().await;
}

#[tokio::test]
async fn a_replacement_by_two_renames_is_never_without_the_app() {
    let watched = Watched::new().await;
    let place = watched.world.plugins.join("kyc");
    let new = beside(&watched.world, "new");
    let absent = Arc::new(AtomicUsize::new(0));
    let looking = {
        let (runtime, absent) = (watched.world.runtime.clone(), Arc::clone(&absent));
        tokio::spawn(async move {
            loop {
                let app = runtime.registry().find(&Slug::parse("kyc").unwrap());
                let is_there = app.is_some_and(|app| serves(&app));
                absent.fetch_add(usize::from(!is_there), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
    };
    fs::rename(&place, watched.world.plugins.join(".old")).unwrap();
    // Long enough for the absence to be seen, well within the grace.
    tokio::time::sleep(Duration::from_millis(700)).await;
    fs::rename(&new, &place).unwrap();
    watched
        .until("is the new one", |app| developer(app) == "new")
        .await;
    watched.settle().await;
    looking.abort();
    assert_eq!(absent.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_removed_app_is_dropped_after_the_grace_and_comes_back_with_its_package() {
    let watched = Watched::new().await;
    let (place, away) = (
        watched.world.plugins.join("kyc"),
        watched.world.plugins.join(".away"),
    );
    let begun = Instant::now();
    fs::rename(&place, &away).unwrap();
    watched
        .until_of("kyc", "is gone", |app| app.is_none())
        .await;
    assert!(begun.elapsed() >= GRACE, "{:?}", begun.elapsed());
    fs::rename(&away, &place).unwrap();
    watched.until("serves again", serves).await;
}

#[tokio::test]
async fn a_package_that_arrives_piece_by_piece_is_never_called_broken() {
    let watched = Watched::over({
        let world = World::new(&[]).await;
        world.runtime.load_folder(&world.plugins).await;
        world
    });
    let whole = beside(&watched.world, "new");
    let place = watched.world.plugins.join("kyc");
    let mut states = watched.world.runtime.registry().changes();
    fs::create_dir_all(place.join("ui")).unwrap();
    for file in ["app.toml", "app.wasm", "ui/index.html"] {
        tokio::time::sleep(Duration::from_millis(600)).await;
        let bytes = fs::read(whole.join(file)).unwrap();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        fs::write(place.join(file), first).unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        fs::write(place.join(file), [first, second].concat()).unwrap();
    }
    states.changed().await.unwrap();
    assert!(serves(&watched.find("kyc").unwrap()));
}

#[tokio::test]
async fn h44_a_bad_file_never_replaces_a_good_one_and_a_mended_package_serves_again() {
    let watched = Watched::new().await;
    let place = watched.world.plugins.join("kyc");
    let wasm = place.join("app.wasm");
    let component = fs::read(&wasm).unwrap();
    let good = watched.find("kyc").unwrap().digest().unwrap().to_owned();
    let replace = |make: &dyn Fn(&Path)| {
        fs::remove_file(&wasm).unwrap();
        make(&wasm);
    };
    let cases: [(&str, &dyn Fn(), &str); 7] = [
        (
            "cut short",
            &|| fs::write(&wasm, &component[..component.len() / 2]).unwrap(),
            "app.wasm",
        ),
        ("emptied", &|| fs::write(&wasm, "").unwrap(), "empty"),
        (
            "a link",
            &|| replace(&|path| symlink("/etc/passwd", path).unwrap()),
            "not a regular file",
        ),
        (
            "a pipe, which nobody writes to",
            &|| {
                replace(&|path| {
                    let mode = rustix::fs::Mode::from_raw_mode(0o600);
                    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0)
                        .unwrap();
                });
            },
            "not a regular file",
        ),
        (
            "a folder",
            &|| replace(&|path| fs::create_dir(path).unwrap()),
            "app.wasm",
        ),
        (
            "removed",
            &|| fs::remove_dir(&wasm).unwrap(),
            "app.wasm is missing",
        ),
        (
            "beside a page that is a link",
            &|| {
                fs::write(&wasm, &component).unwrap();
                symlink("/etc/passwd", place.join("ui/passwd")).unwrap();
            },
            "ui/passwd",
        ),
    ];
    for (what, spoil, word) in cases {
        spoil();
        let app = watched
            .until(what, |app| {
                app.reason().is_some_and(|reason| reason.contains(word))
            })
            .await;
        assert_eq!(
            (app.status(), app.digest()),
            (AppStatus::Serving, Some(&*good)),
            "{what}"
        );
        watched.world.body().await;
    }
    fs::remove_file(place.join("ui/passwd")).unwrap();
    let mended = watched.until("is mended", serves).await;
    assert_eq!(mended.digest(), Some(&*good));
    lay(
        &watched.world.plugins,
        "kyc",
        "developer = \"new\"",
        &component,
    );
    watched
        .until("is the new one", |app| {
            serves(app) && developer(app) == "new"
        })
        .await;
}

#[tokio::test]
async fn h44_a_file_that_may_not_be_read_is_named_where_the_system_refuses_it() {
    let watched = Watched::new().await;
    let wasm = watched.world.plugins.join("kyc/app.wasm");
    fs::set_permissions(&wasm, fs::Permissions::from_mode(0o000)).unwrap();
    // Nobody refuses root: there the same content is read, and nothing happens.
    let binds = fs::read(&wasm).is_err();
    if binds {
        let is_told = |app: &App| app.reason().is_some_and(|it| it.contains("can't be read"));
        watched.until("can't be read", is_told).await;
    } else {
        watched.settle().await;
        assert!(serves(&watched.find("kyc").unwrap()));
    }
    watched.world.body().await;
    fs::set_permissions(&wasm, fs::Permissions::from_mode(0o644)).unwrap();
    watched.until("is as it was", serves).await;
    // What refuses root as well: a loop of links in the place of the package.
    let place = watched.world.plugins.join("kyc");
    fs::rename(&place, watched.world.plugins.join(".away")).unwrap();
    symlink("kyc", &place).unwrap();
    let app = watched
        .until("is refused", |app| app.reason().is_some())
        .await;
    assert_eq!(app.status(), AppStatus::Serving);
    watched.world.body().await;
}

#[tokio::test]
async fn h44_a_package_that_is_removed_while_it_is_read_leaves_the_old_one_until_the_grace_is_over()
{
    let watched = Watched::new().await;
    let place = watched.world.plugins.join("kyc");
    let end = Instant::now() + Duration::from_secs(3);
    // Again and again, at any point of a reading.
    while Instant::now() < end {
        let away = beside(&watched.world, "new");
        exchange(&away, &place);
        tokio::time::sleep(Duration::from_millis(105)).await;
        fs::remove_dir_all(&place).unwrap();
        assert_eq!(watched.find("kyc").unwrap().status(), AppStatus::Serving);
        fs::rename(&away, &place).unwrap();
        tokio::time::sleep(Duration::from_millis(37)).await;
    }
    watched.until("serves", serves).await;
    watched.world.body().await;
}

#[tokio::test]
async fn a_reason_is_told_once_and_not_again_at_each_look() {
    let watched = Watched::new().await;
    fs::write(watched.world.plugins.join("kyc/app.wasm"), "no").unwrap();
    let refused = watched
        .until("is refused", |app| app.reason().is_some())
        .await;
    watched.settle().await;
    // Not even the same again was put in its place.
    assert!(Arc::ptr_eq(&refused, &watched.find("kyc").unwrap()));
}

#[tokio::test]
async fn files_that_are_touched_without_a_change_change_nothing() {
    let watched = Watched::new().await;
    let before = watched.find("kyc").unwrap();
    let page = watched.world.plugins.join("kyc/ui/index.html");
    fs::write(&page, fs::read(&page).unwrap()).unwrap();
    watched.settle().await;
    assert!(Arc::ptr_eq(&before, &watched.find("kyc").unwrap()));
}

#[tokio::test]
async fn a_folder_that_did_not_exist_or_is_another_one_now_is_found_by_the_clock() {
    let world = World::new(&[]).await;
    let (plugins, old) = (world.plugins.clone(), world.plugins.with_extension("old"));
    fs::remove_dir(&plugins).unwrap();
    world.runtime.load_folder(&plugins).await;
    let watched = Watched::over(world);
    tokio::time::sleep(Duration::from_millis(200)).await;
    lay(&plugins, "kyc", "", &guest(""));
    watched.until("serves", serves).await;
    fs::rename(&plugins, &old).unwrap();
    lay(&plugins, "kyc", "developer = \"new\"", &guest(""));
    watched
        .until("is the new one", |app| developer(app) == "new")
        .await;
    // The new folder is heard, not the old one.
    lay(&old, "stranger", "", &guest(""));
    lay(&plugins, "other", "", &guest(""));
    watched
        .until_of("other", "serves", |app| app.is_some_and(serves))
        .await;
    assert!(watched.find("stranger").is_none());
}

#[tokio::test]
async fn an_app_that_is_switched_off_is_gone_with_its_pages_and_comes_back_as_its_package_is_by_then()
 {
    let watched = Watched::new().await;
    let runtime = &watched.world.runtime;
    let before = watched.find("kyc").unwrap();
    let (slug, digest) = (before.slug(), before.digest().unwrap());
    before
        .page()
        .unwrap()
        .is_needed_until(NOW.plus(Duration::from_mins(15)));
    runtime.switch_off(|| [slug.clone()].into());
    let app = watched.find("kyc").unwrap();
    assert_eq!(app.status(), AppStatus::Disabled);
    assert!(app.reason().unwrap().contains("airlock apps enable kyc"));
    assert_eq!(app.version(), Some("1.0.0"));
    assert!(runtime.registry().find_page(slug, digest, NOW).is_none());
    watched.world.failure().await;
    exchange(
        &beside(&watched.world, "new"),
        &watched.world.plugins.join("kyc"),
    );
    watched
        .until("is read", |app| developer(app) == "new")
        .await;
    assert_eq!(watched.find("kyc").unwrap().status(), AppStatus::Disabled);
    runtime.switch_off(std::collections::BTreeSet::new);
    let app = watched.until("serves again", serves).await;
    assert_eq!(developer(&app), "new");
    watched.world.body().await;
}

#[tokio::test]
async fn h46_two_hundred_replacements_in_a_row_end_with_the_last_and_keep_no_old_code() {
    let watched = Watched::new().await;
    let place = watched.world.plugins.join("kyc");
    let mut codes = vec![Arc::downgrade(
        watched.find("kyc").unwrap().plugin().unwrap(),
    )];
    for number in 0..200 {
        exchange(&beside(&watched.world, &format!("v{number}")), &place);
        tokio::time::sleep(Duration::from_millis(10)).await;
        let app = watched.find("kyc").unwrap();
        assert!(serves(&app));
        let code = Arc::downgrade(app.plugin().unwrap());
        if !codes.last().is_some_and(|last| last.ptr_eq(&code)) {
            codes.push(code);
        }
    }
    let last = watched
        .until("is the last one", |app| developer(app) == "v199")
        .await;
    // A burst is looked at once a second and at its end, more often only where it paused.
    assert!(codes.len() < 100, "{}", codes.len());
    let alive = codes.iter().filter(|code| code.strong_count() > 0).count();
    assert!(alive <= 1, "{alive} of {} versions are kept", codes.len());
    assert!(serves(&last));
}

#[tokio::test]
async fn h44_of_a_package_with_many_folders_as_many_are_watched_as_real_ones_have() {
    let folder = tempfile::tempdir().unwrap();
    let package = lay(folder.path(), "kyc", "", b"");
    for number in 0..2 * MAX_WATCHED {
        fs::create_dir(package.join(format!("ui/{number}"))).unwrap();
    }
    let slug = Slug::parse("kyc").unwrap();
    let (stamp, watched) = watched_stamp(&Notices::begin(), folder.path(), &slug);
    assert!(stamp.is_some());
    assert_eq!(watched.len(), MAX_WATCHED);
}
