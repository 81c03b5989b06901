//! Tests of the cache: every region of a file spoilt, other keys, and what is in the way of a file.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::*;
use crate::model::UnixMillis;
use crate::runtime::engine::Engine;
use crate::runtime::load::scan::ScanLimits;
use crate::secret::SecretList;

struct Fixture {
    folder: tempfile::TempDir,
    cache: CompiledCache,
    engine: Engine,
    slug: Slug,
    key: CodeKey,
    code: Vec<u8>,
}

fn keyring(roots: &secrecy::SecretString) -> Arc<Keyring> {
    Arc::new(Keyring::new(SecretList::parse('k', roots).unwrap()).unwrap())
}

impl Fixture {
    /// With one entry.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = CompiledCache::open(CacheSettings {
            folder: folder.path().join("data/cache"),
            keyring: keyring(&SecretList::generate('k', 1)),
        });
        let engine = Engine::for_compiling().unwrap();
        let component = crate::runtime::testing::guest("");
        let limits = ScanLimits {
            memory_bytes: 1 << 26,
        };
        let code = CompiledCode::compile(&engine, &component, limits).unwrap();
        let key = CodeKey::new([0; 32], EngineSettingsHash::of(&engine));
        let slug = Slug::parse("kyc").unwrap();
        cache.put(&slug, &key, &code);
        Self {
            folder,
            engine,
            slug,
            key,
            code: code.bytes().to_vec(),
            cache,
        }
    }

    fn path(&self) -> PathBuf {
        self.cache.folder.join(self.key.file_name())
    }

    fn found(&self) -> Option<CompiledCode> {
        self.cache.find(&self.slug, &self.key)
    }

    /// The file is not used, and is gone.
    #[track_caller]
    fn assert_distrusted(&self, what: &str) {
        assert!(self.found().is_none(), "{what}");
        assert!(!self.path().exists(), "{what}: the file is still there");
    }

    fn names(&self) -> usize {
        std::fs::read_dir(&self.cache.folder).unwrap().count()
    }
}

#[test]
fn what_was_put_is_found_and_loads() {
    let fixture = Fixture::new();
    let found = fixture.found().unwrap();
    assert_eq!(found.bytes(), fixture.code);
    assert!(found.component(&fixture.engine).is_ok());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&fixture.cache.folder), 0o700);
    assert_eq!(mode(&fixture.path()), 0o600);
    assert_eq!(fixture.names(), 1);
}

#[test]
fn h45_a_flipped_bit_in_any_region_is_distrusted() {
    let fixture = Fixture::new();
    let whole = std::fs::read(fixture.path()).unwrap();
    let begin = HEADER_BYTES + MAC_BYTES;
    // Every byte before the code, and some all over the code.
    let places = (0..begin).chain((begin..whole.len()).step_by(997));
    for place in places.chain([whole.len() - 1]) {
        let mut spoilt = whole.clone();
        spoilt[place] ^= 1;
        write(&fixture, &spoilt);
        fixture.assert_distrusted(&format!("byte {place}"));
    }
    write(&fixture, &whole);
    assert!(fixture.found().is_some());
}

#[test]
fn h45_a_file_that_is_cut_or_grown_is_distrusted() {
    let fixture = Fixture::new();
    let whole = std::fs::read(fixture.path()).unwrap();
    for length in [
        0,
        1,
        HEADER_BYTES,
        HEADER_BYTES + MAC_BYTES,
        whole.len() - 1,
    ] {
        write(&fixture, &whole[..length]);
        fixture.assert_distrusted(&format!("{length} bytes"));
    }
    write(&fixture, &[whole.as_slice(), b"x"].concat());
    fixture.assert_distrusted("a byte more");
}

#[test]
fn h45_code_of_another_component_or_engine_is_distrusted() {
    let fixture = Fixture::new();
    let whole = std::fs::read(fixture.path()).unwrap();
    let other = Fixture {
        key: CodeKey::new([1; 32], EngineSettingsHash::of(&fixture.engine)),
        ..fixture
    };
    write(&other, &whole);
    other.assert_distrusted("another component");
}

#[test]
fn h45_what_others_could_have_written_is_distrusted() {
    let fixture = Fixture::new();
    let whole = std::fs::read(fixture.path()).unwrap();
    for mode in [0o620, 0o602, 0o640] {
        write(&fixture, &whole);
        std::fs::set_permissions(
            fixture.path(),
            std::os::unix::fs::PermissionsExt::from_mode(mode),
        )
        .unwrap();
        fixture.assert_distrusted(&format!("mode {mode:o}"));
    }
    let elsewhere = fixture.folder.path().join("elsewhere");
    std::fs::write(&elsewhere, &whole).unwrap();
    std::os::unix::fs::symlink(&elsewhere, fixture.path()).unwrap();
    fixture.assert_distrusted("a link");
    assert!(elsewhere.exists(), "the link's target is not ours");
    std::fs::create_dir(fixture.path()).unwrap();
    fixture.assert_distrusted("a folder");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        fixture.path(),
        rustix::fs::FileType::Fifo,
        Mode::RUSR,
        0,
    )
    .unwrap();
    fixture.assert_distrusted("a pipe");
}

#[test]
fn after_a_rotation_older_code_is_good_until_its_key_is_gone() {
    let fixture = Fixture::new();
    let older = keyring(&SecretList::generate('k', 2));
    fixture
        .cache
        .keyring
        .replace(Arc::into_inner(older).unwrap());
    fixture.assert_distrusted("the key is gone");
    let code = CompiledCode::made_by_own_compiler(fixture.code.clone());
    fixture.cache.put(&fixture.slug, &fixture.key, &code);
    assert!(fixture.found().is_some());
}

#[test]
fn a_folder_that_is_gone_is_made_again_and_one_that_can_not_be_made_does_no_harm() {
    let fixture = Fixture::new();
    let code = fixture.found().unwrap();
    std::fs::remove_dir_all(fixture.folder.path().join("data")).unwrap();
    assert!(fixture.found().is_none());
    fixture.cache.put(&fixture.slug, &fixture.key, &code);
    assert!(fixture.found().is_some());
    std::fs::remove_dir_all(&fixture.cache.folder).unwrap();
    std::fs::write(&fixture.cache.folder, "in the way").unwrap();
    fixture.cache.put(&fixture.slug, &fixture.key, &code);
    assert!(fixture.found().is_none());
}

#[test]
fn what_no_app_uses_goes_after_a_week_and_what_one_uses_stays() {
    let fixture = Fixture::new();
    let code = fixture.found().unwrap();
    let old = CodeKey::new([1; 32], EngineSettingsHash::of(&fixture.engine));
    fixture.cache.put(&fixture.slug, &old, &code);
    // The app goes on to the other one again.
    assert!(fixture.found().is_some());
    let unfinished = fixture.cache.folder.join(format!("{UNFINISHED}1-1"));
    std::fs::write(&unfinished, "half").unwrap();
    let written = std::fs::metadata(&unfinished).unwrap().mtime();
    let after = |seconds: i64| UnixMillis::new((written + seconds) * 1000);
    let sweep = |now| fixture.cache.sweep(now, |_| true);
    sweep(after(60));
    assert_eq!(fixture.names(), 3);
    sweep(after(2 * 60 * 60));
    assert_eq!(fixture.names(), 2, "what was never finished is gone");
    sweep(after(8 * 24 * 60 * 60));
    assert_eq!(fixture.names(), 1);
    assert!(fixture.found().is_some());
}

#[test]
fn of_too_much_code_that_no_app_uses_the_oldest_goes_first() {
    let fixture = Fixture::new();
    let code = fixture.found().unwrap();
    let settings = EngineSettingsHash::of(&fixture.engine);
    let versions = [1_u8, 2, 3].map(|number| CodeKey::new([number; 32], settings));
    let begun = std::fs::metadata(fixture.path()).unwrap().mtime();
    let path = |key: &CodeKey| fixture.cache.folder.join(key.file_name());
    for (age, key) in [30, 10, 20].into_iter().zip(&versions) {
        fixture.cache.put(&fixture.slug, key, &code);
        let written = std::time::UNIX_EPOCH + Duration::from_secs((begun - age).unsigned_abs());
        let file = File::options().append(true).open(path(key)).unwrap();
        file.set_modified(written).unwrap();
    }
    assert!(fixture.cache.has_grown());
    assert!(
        fixture.found().is_some(),
        "the app is back at its first version"
    );
    let bytes = std::fs::metadata(fixture.path()).unwrap().len();
    let kept = || versions.each_ref().map(|key| path(key).exists());
    let now = UnixMillis::new(begun * 1000);
    fixture.cache.sweep(now, |_| true);
    assert!(!fixture.cache.has_grown());
    assert_eq!(kept(), [true; 3]);
    fixture.cache.sweep_within(bytes * 5 / 2, now);
    assert_eq!(kept(), [false, true, true]);
    fixture.cache.sweep_within(bytes * 3 / 2, now);
    assert_eq!(kept(), [false, true, false]);
    fixture.cache.sweep_within(0, now);
    assert_eq!(
        (kept(), fixture.names()),
        ([false; 3], 1),
        "what is used stays"
    );
    // Once its app is gone, it is as the others.
    fixture.cache.sweep(now, |_| false);
    fixture.cache.sweep_within(0, now);
    assert_eq!(fixture.names(), 0);
}

fn write(fixture: &Fixture, bytes: &[u8]) {
    std::fs::write(fixture.path(), bytes).unwrap();
    std::fs::set_permissions(
        fixture.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
}

#[test]
fn what_a_process_of_the_same_number_left_behind_is_in_nobodys_way() {
    let fixture = Fixture::new();
    let code = fixture.found().unwrap();
    let process = std::process::id();
    for number in 0..4 {
        let left = fixture
            .cache
            .folder
            .join(format!("{UNFINISHED}{process}-{number}"));
        std::fs::write(left, "half").unwrap();
    }
    std::fs::remove_file(fixture.path()).unwrap();
    fixture.cache.put(&fixture.slug, &fixture.key, &code);
    assert!(fixture.found().is_some());
}

#[test]
fn h45_code_that_passed_another_scan_is_not_used() {
    let fixture = Fixture::new();
    let whole = std::fs::read(fixture.path()).unwrap();
    let later = Fixture {
        key: CodeKey {
            scan: SCAN_VERSION + 1,
            ..fixture.key
        },
        ..fixture
    };
    assert!(later.found().is_none());
    write(&later, &whole);
    later.assert_distrusted("the scan of before");
}
