//! Hostile components on the real program: refused before or while they are compiled, in a child process, while another
//! app answers; and the cache of what was compiled.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::packages;
use crate::support::{Ask, Place, Portal, ProcessHost, TestHost};

/// A place with one sound app.
async fn place() -> (TestHost, Place) {
    let sim = TestHost::setup().start().await;
    let place = Place::new(&sim.sim.api_url()).package("probes/echo");
    (sim, place)
}

/// Lays a package whose component is these bytes.
fn lay(place: &Place, slug: &str, component: &[u8]) {
    let sound = place.plugins().join("echo");
    packages::lay(&sound, &place.plugins(), slug);
    fs::write(place.plugins().join(slug).join("app.wasm"), component).unwrap();
}

/// The status and reason of an app.
async fn told(host: &ProcessHost, slug: &str) -> (String, String) {
    let report = host.report(&format!("/apps/{slug}")).await;
    let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

/// An unsigned LEB128 number.
fn number(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &number(content.len() as u64), content].concat()
}

fn component(sections: &[u8]) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0", sections].concat()
}

/// A component around one core module of these sections.
fn around(sections: &[u8]) -> Vec<u8> {
    component(&section(1, &[b"\0asm\x01\0\0\0", sections].concat()))
}

/// Functions that are dear to compile: each is as large as one may be, and every step of it needs the one before, over
/// many locals in many blocks.
fn bomb(functions: usize, bytes: usize) -> Vec<u8> {
    let locals = 2_000_u64;
    let mut body = [&number(1)[..], &number(locals), &[0x7f]].concat();
    let mut local = 0;
    while body.len() < bytes {
        let (one, two, three) = (
            local % locals,
            (local * 7 + 1) % locals,
            (local * 13 + 5) % locals,
        );
        // if (one) { two = one * three } else { three = two + one }
        for piece in [
            &[0x20][..],
            &number(one),
            &[0x04, 0x40, 0x20],
            &number(one),
            &[0x20],
            &number(three),
            &[0x6c, 0x21],
            &number(two),
            &[0x05, 0x20],
            &number(two),
            &[0x20],
            &number(one),
            &[0x6a, 0x21],
            &number(three),
            &[0x0b],
        ] {
            body.extend_from_slice(piece);
        }
        local += 1;
    }
    body.push(0x0b);
    let body = [&number(body.len() as u64)[..], &body].concat();
    let count = number(functions as u64);
    let types = section(1, &[1, 0x60, 0, 0]);
    let declared = section(3, &[&count[..], &vec![0; functions]].concat());
    let code = section(10, &[&count[..], &body.repeat(functions)].concat());
    around(&[types, declared, code].concat())
}

/// Instance types within instance types: parsers that recurse on them run out of stack.
fn nested_types(depth: usize) -> Vec<u8> {
    let mut content = vec![1];
    for _ in 0..depth {
        content.extend_from_slice(&[0x42, 1, 1]);
    }
    content.extend_from_slice(&[0x42, 0]);
    component(&section(7, &content))
}

#[tokio::test]
async fn h08_to_h12_hostile_components_stop_only_themselves() {
    let (_sim, place) = place().await;
    let count = |id: u8, count: usize, item: &[u8]| {
        section(
            id,
            &[&number(count as u64)[..], &item.repeat(count)].concat(),
        )
    };
    let flood = 100_000;
    let types = around(&count(1, flood, &[0x60, 0, 0]));
    let segments = around(&count(11, flood, &[1, 0]));
    let memory = around(&section(5, &[&[1, 0][..], &number(65_536)].concat()));
    let table = around(&section(
        4,
        &[&[1, 0x70, 0][..], &number(10_000_000)].concat(),
    ));
    let locals = [&[1][..], &number(50_000), &[0x7f, 0x0b]].concat();
    let locals = [
        section(1, &[1, 0x60, 0, 0]),
        section(3, &[1, 0]),
        section(
            10,
            &[&[1][..], &number(locals.len() as u64), &locals].concat(),
        ),
    ];
    let cases: [(&str, Vec<u8>, &str); 10] = [
        (
            "h08-memory",
            memory,
            "a memory that begins with a size of 4096 MiB; it may have 64 MiB",
        ),
        (
            "h08-table",
            table,
            "a size of 10000000 elements; it may have 20000 elements",
        ),
        (
            "h09-types",
            types,
            "has 100000 types; a component may have 50000",
        ),
        (
            "h09-data",
            segments,
            "has 100000 segments of data; a component may have 20000",
        ),
        (
            "h10-locals",
            around(&locals.concat()),
            "more locals than fit",
        ),
        (
            "h10-deep",
            nested_types(1_000_000),
            "it nests types or blocks too deep",
        ),
        (
            "h11-large",
            vec![0; 64 * 1024 * 1024 + 1],
            "app.wasm is larger than 67108864 bytes",
        ),
        ("h12-garbage", b"garbage".to_vec(), "is not WebAssembly"),
        (
            "h12-cut",
            b"\0asm\x0d\0\x01\0\x01".to_vec(),
            "is not a whole component",
        ),
        (
            "h49-stream",
            component(&section(7, &[1, 0x66, 0])),
            "uses a stream of the asynchronous component model",
        ),
    ];
    for (slug, bytes, _) in &cases {
        lay(&place, slug, bytes);
    }
    let host = place.serve().await;
    for (slug, _, expected) in &cases {
        let (status, reason) = told(&host, slug).await;
        assert_eq!(status, "broken", "{slug}: {reason}");
        assert!(reason.contains(expected), "{slug}: {reason}");
    }
    assert_eq!(told(&host, "echo").await.0, "serving");
    assert!(host.stop().success());
}

#[tokio::test]
async fn h10_a_compile_bomb_ends_by_the_childs_limits_and_the_host_serves_the_others() {
    let (_sim, place) = place().await;
    let expensive = bomb(60, 1024 * 1024);
    assert!(expensive.len() < 64 * 1024 * 1024);
    lay(&place, "bomb", &expensive);
    let host = place.serve().await;
    let (status, reason) = told(&host, "bomb").await;
    assert_eq!(status, "broken", "{reason}");
    assert!(
        reason.contains("of processor time that a compilation may use")
            || reason.contains("of memory that a compilation may use"),
        "{reason}"
    );
    assert_eq!(told(&host, "echo").await.0, "serving");
    assert!(host.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_beside_a_package_that_must_be_compiled_takes_events_and_is_not_ready() {
    let (sim, place) = place().await;
    let host = place.serve().await;
    let app_id = host.register(&sim.sim, "echo").await;
    assert!(host.stop().success());
    lay(&place, "bomb", &bomb(12, 1024 * 1024));
    let mut host = ProcessHost::begin(&place).await;
    let ready = async |host: &ProcessHost| host.admin.send(Ask::get("/ready")).await.status;
    assert_eq!(ready(&host).await, 503);
    let install = sim.sim.install(&app_id, &["data:read"]).await.unwrap();
    host.until_status(&install.installed_app_id, "active").await;
    let address = sim.sim.launch(&install.installed_app_id).await.unwrap();
    let portal = Portal::open(&host.http, &address).await;
    portal.get("seen").await.expect(200);
    // All of that while the bomb was compiled.
    let (_, reason) = told(&host, "bomb").await;
    assert!(reason.starts_with("it is being compiled"), "{reason}");
    assert_eq!(ready(&host).await, 503);
    host.until_ready(&place).await;
    assert_eq!(told(&host, "bomb").await.0, "broken");
    assert!(host.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn r6_a_compile_bomb_that_is_dropped_in_keeps_no_call_of_another_app_from_its_answer() {
    let (sim, place) = place().await;
    let host = place.serve().await;
    let portal = {
        let app_id = host.register(&sim.sim, "echo").await;
        let install = sim.sim.install(&app_id, &["data:read"]).await.unwrap();
        host.until_status(&install.installed_app_id, "active").await;
        let address = sim.sim.launch(&install.installed_app_id).await.unwrap();
        Portal::open(&host.http, &address).await
    };
    let (judged, calls) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let calling = {
        let (portal, judged, calls) = (portal.clone(), judged.clone(), Arc::clone(&calls));
        tokio::spawn(async move {
            while !judged.is_cancelled() {
                portal.get("seen").await.expect(200);
                calls.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    };
    // Laid beside the packages, and there at once.
    let staging = place.plugins().join(".staging");
    packages::lay(&place.plugins().join("echo"), &staging, "bomb");
    fs::write(staging.join("bomb/app.wasm"), bomb(60, 1024 * 1024)).unwrap();
    fs::rename(staging.join("bomb"), place.plugins().join("bomb")).unwrap();
    let end = Instant::now() + Duration::from_mins(3);
    let until = async |what: &str, is_so: &dyn Fn(&Value) -> bool| {
        loop {
            let apps = host.report("/apps").await;
            let lines = apps.as_array().unwrap();
            let found = lines.iter().find(|line| line["slug"] == "bomb");
            if is_so(found.unwrap_or(&Value::Null)) {
                return found.cloned();
            }
            assert!(Instant::now() < end, "in vain until the bomb {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let begins = |_: &Value| place.log_text().contains("Compiling bomb");
    until("is compiled", &begins).await;
    let before = calls.load(Ordering::Relaxed);
    let line = until("is judged", &|line| !line["reason"].is_null())
        .await
        .unwrap();
    let meanwhile = calls.load(Ordering::Relaxed) - before;
    judged.cancel();
    calling.await.expect("every call was answered");
    assert!(meanwhile > 0);
    let reason = line["reason"].as_str().unwrap();
    assert_eq!(line["status"], "broken", "{reason}");
    assert!(
        reason.contains("of processor time that a compilation may use")
            || reason.contains("of memory that a compilation may use"),
        "{reason}"
    );
    portal.get("seen").await.expect(200);
    serves(&host).await;
    assert!(host.stop().success());
}

/// Where the log of the last start says that an app's code came from.
fn origins(log: &str, slug: &str) -> Vec<String> {
    let lines = log
        .lines()
        .filter(|line| line.contains(&format!("Loaded {slug} ")));
    let origin = |line: &str| {
        let rest = line.split("origin").nth(1).unwrap_or_default();
        ["cache", "compiled"]
            .into_iter()
            .find(|word| rest.contains(word))
            .unwrap_or_default()
            .to_owned()
    };
    lines.map(origin).collect()
}

fn entries(cache: &Path) -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> = fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

async fn serves(host: &ProcessHost) {
    assert_eq!(
        told(host, "echo").await,
        ("serving".to_owned(), String::new())
    );
}

#[tokio::test]
async fn h45_the_second_start_takes_code_from_the_cache_and_a_spoilt_file_is_compiled_anew() {
    let (_sim, place) = place().await;
    let cache = place.data().join("cache");
    let start = async || {
        let host = place.serve().await;
        serves(&host).await;
        assert!(host.stop().success());
        origins(&place.log_text(), "echo")
    };
    assert_eq!(start().await, ["compiled"]);
    assert_eq!(start().await, ["compiled", "cache"]);
    let mode = fs::metadata(&cache).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    let [entry] = &entries(&cache)[..] else {
        panic!("{:?}", entries(&cache));
    };
    let whole = fs::read(entry).unwrap();
    // Magic, key id, component, engine, length, MAC, code.
    let mut expected = vec!["compiled", "cache"];
    for place in [
        0,
        17,
        30,
        60,
        90,
        100,
        200,
        whole.len() / 2,
        whole.len() - 1,
    ] {
        let mut spoilt = whole.clone();
        spoilt[place] ^= 1;
        fs::write(entry, spoilt).unwrap();
        expected.push("compiled");
        assert_eq!(start().await, expected, "byte {place}");
        assert_eq!(entries(&cache).len(), 1);
    }
    fs::write(entry, &whole[..whole.len() / 2]).unwrap();
    expected.push("compiled");
    assert_eq!(start().await, expected);
    // A folder that is gone is made again.
    fs::remove_dir_all(&cache).unwrap();
    expected.push("compiled");
    assert_eq!(start().await, expected);
    expected.push("cache");
    assert_eq!(start().await, expected);
}

#[tokio::test]
async fn without_a_place_for_the_cache_the_host_serves_and_warns() {
    let (_sim, place) = place().await;
    fs::create_dir_all(place.data()).unwrap();
    fs::write(place.data().join("cache"), "in the way").unwrap();
    for _ in 0..2 {
        let host = place.serve().await;
        serves(&host).await;
        assert!(host.stop().success());
    }
    assert_eq!(origins(&place.log_text(), "echo"), ["compiled", "compiled"]);
    assert!(
        place.log_text().contains("Compiled code can't be kept in"),
        "{}",
        place.log_text()
    );
}

#[tokio::test]
async fn machine_code_in_a_package_is_never_run() {
    let (_sim, place) = place().await;
    let host = place.serve().await;
    assert!(host.stop().success());
    let [entry] = &entries(&place.data().join("cache"))[..] else {
        panic!("one entry");
    };
    let whole = fs::read(entry).unwrap();
    let elf = whole
        .windows(4)
        .position(|four| four == b"\x7fELF")
        .unwrap();
    lay(&place, "native", &whole[elf..]);
    lay(&place, "wrapped", &whole);
    let host = place.serve().await;
    let (status, reason) = told(&host, "native").await;
    assert_eq!(status, "broken");
    assert!(reason.contains("app.wasm is compiled code"), "{reason}");
    let (status, reason) = told(&host, "wrapped").await;
    assert_eq!(status, "broken");
    assert!(reason.contains("is not WebAssembly"), "{reason}");
    host.http.send(Ask::get("/ui/native/")).await.expect(404);
}

#[test]
fn the_command_of_the_child_is_not_shown_to_people() {
    let folder = tempfile::tempdir().unwrap();
    let help = crate::support::place::command(folder.path())
        .arg("--help")
        .output()
        .unwrap();
    assert!(help.status.success());
    assert!(!String::from_utf8_lossy(&help.stdout).contains("compile-component"));
    // It refuses to work for another engine than its own.
    let other = crate::support::place::command(folder.path())
        .args([
            "compile-component",
            "--settings",
            "00",
            "--memory-bytes",
            "1",
        ])
        .output()
        .unwrap();
    assert_eq!(other.status.code(), Some(1));
    let text = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(text.contains("of another build"), "{text}");
}
