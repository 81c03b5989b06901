//! Tests of whole calls: each hostile guest is stopped with its own outcome, and the next call is served.

use std::time::{Duration, Instant};

use super::testing::*;
use super::*;

mod calls;
mod left_behind;
mod panics;

#[tokio::test]
async fn an_honest_guest_answers() {
    let (result, report) = outcome_of(
        "(i32.store (i32.const 1036) (i32.const 2000)) (i32.store (i32.const 1040) (i32.const 5)) \
         (i64.store (i32.const 2000) (i64.const 0x6f6c6c6568))",
    )
    .await;
    let response = result.unwrap();
    assert_eq!(
        (response.status, response.body.as_slice()),
        (200, b"hello".as_slice())
    );
    assert_eq!(report.peak_memory_bytes, 2 * 65_536);
    assert!(
        report.cpu_us > 0 && report.wall_us >= report.cpu_us,
        "{report:?}"
    );
}

#[tokio::test]
async fn h01_a_loop_ends_with_its_cpu_time_and_the_next_call_is_served() {
    let world = World::new(&[]).await;
    world.load("", &guest("(loop $l (br $l))")).await;
    let (failure, report) = world.failure().await;
    assert_eq!((failure.clone(), failure.status()), (CallFailure::Cpu, 504));
    assert!(report.cpu_us >= 250_000, "{report:?}");
    // Ten times the goal.
    assert!(report.cpu_us < 2_500_000, "{report:?}");
    world.load("", &guest("")).await;
    assert_eq!(world.body().await, b"");
}

#[tokio::test]
async fn a_package_lowers_its_own_cpu_time() {
    let world = World::new(&[]).await;
    world
        .load("[limits]\ncpu_ms = 20", &guest("(loop $l (br $l))"))
        .await;
    let (failure, report) = world.failure().await;
    assert_eq!(failure, CallFailure::Cpu);
    assert!((20_000..200_000).contains(&report.cpu_us), "{report:?}");
}

#[tokio::test]
async fn h02_a_start_function_that_loops_is_refused_when_it_is_loaded() {
    let world = World::new(&[]).await;
    let looping = Guest {
        fields: "(func $s (loop $l (br $l))) (start $s)",
        ..Guest::default()
    }
    .component();
    lay(&world.plugins, "kyc", "", &looping);
    world.runtime.load_folder(&world.plugins).await;
    let app = world.app();
    assert_eq!(app.status(), AppStatus::Broken);
    let reason = app.reason().unwrap();
    assert!(
        reason.starts_with("app.wasm can't be started:") && reason.contains("CPU time"),
        "{reason}"
    );
    let (failure, _) = world.failure().await;
    assert_eq!(
        failure,
        CallFailure::NotServing {
            reason: reason.to_owned()
        }
    );
}

#[tokio::test]
async fn h03_endless_recursion_is_a_trap() {
    let world = World::new(&[]).await;
    let recursing = Guest {
        fields: "(func $f (call $f) (call $f))",
        handle: "(call $f)",
        ..Guest::default()
    };
    world.load("", &recursing.component()).await;
    assert_eq!(world.failure().await.0, CallFailure::Trap);
}

#[tokio::test]
async fn h05_memory_ends_at_the_ceiling_and_growing_further_is_refused_as_the_language_expects() {
    // The status is 200 plus 1 if a growth was refused.
    let (result, report) = outcome_of(
        "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) \
         (i32.store8 (global.get $ret) (i32.const 201))",
    )
    .await;
    assert_eq!(result.unwrap().status, 201);
    assert!(report.peak_memory_bytes <= 64 * 1024 * 1024, "{report:?}");
    assert!(report.peak_memory_bytes > 60 * 1024 * 1024, "{report:?}");
}

#[tokio::test]
async fn h05_a_guest_that_traps_for_want_of_memory_is_told_apart_from_a_crash() {
    let handle = "(if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable))";
    let (result, _) = outcome_of(handle).await;
    assert_eq!(result, Err(CallFailure::Memory));
}

#[tokio::test]
async fn a_package_lowers_its_own_memory() {
    let world = World::new(&[]).await;
    let handle = "(if (i32.eq (memory.grow (i32.const 15)) (i32.const -1)) (then unreachable))";
    world.load("[limits]\nmemory_mib = 2", &guest(handle)).await;
    assert!(world.call("GET").await.0.is_ok());
    world.load("[limits]\nmemory_mib = 1", &guest(handle)).await;
    assert_eq!(world.failure().await.0, CallFailure::Memory);
}

#[tokio::test]
async fn h07_a_table_ends_at_the_ceiling() {
    let world = World::new(&[]).await;
    let growing = Guest {
        fields: "(table $t 1 funcref)",
        handle: "(if (i32.eq (table.grow $t (ref.null func) (i32.const 20000)) (i32.const -1)) (then unreachable))",
        ..Guest::default()
    };
    world.load("", &growing.component()).await;
    assert_eq!(world.failure().await.0, CallFailure::Memory);
}

#[tokio::test]
async fn h15_crashes_are_traps() {
    for handle in [
        "unreachable",
        "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
        "(drop (i32.load (i32.const 0x7fffffff)))",
    ] {
        let (result, report) = outcome_of(handle).await;
        assert_eq!(result, Err(CallFailure::Trap), "{handle}");
        assert!(
            report
                .detail
                .as_deref()
                .is_some_and(|detail| detail.starts_with("wasm trap: ")),
            "{report:?}"
        );
    }
}

#[tokio::test]
async fn h17_h18_an_answer_that_is_no_text_or_lies_outside_memory_is_bad_output() {
    for handle in [
        // One header at 2000 whose name is the byte FF.
        "(i32.store (i32.const 1028) (i32.const 2000)) (i32.store (i32.const 1032) (i32.const 1)) \
         (i32.store (i32.const 2000) (i32.const 3000)) (i32.store (i32.const 2004) (i32.const 1)) \
         (i32.store8 (i32.const 3000) (i32.const 255))",
        // A body beyond the memory.
        "(i32.store (i32.const 1036) (i32.const 0x7ffffff0)) (i32.store (i32.const 1040) (i32.const 10))",
        // Headers at an odd address.
        "(i32.store (i32.const 1028) (i32.const 2001)) (i32.store (i32.const 1032) (i32.const 1))",
    ] {
        let (result, report) = outcome_of(handle).await;
        assert_eq!(result, Err(CallFailure::BadOutput), "{handle}: {report:?}");
    }
}

#[tokio::test]
async fn h19_an_answer_that_would_fill_the_hosts_memory_is_a_limit() {
    let (result, report) = outcome_of(
        "(drop (memory.grow (i32.const 100))) (i32.store (i32.const 1040) (i32.const 5000000))",
    )
    .await;
    assert_eq!(result, Err(CallFailure::Limit), "{report:?}");
}

#[tokio::test]
async fn h41_a_status_out_of_range_and_a_long_body_are_bad_output() {
    let (result, _) = outcome_of("(i32.store16 (global.get $ret) (i32.const 999))").await;
    assert_eq!(result, Err(CallFailure::BadOutput));
    let (result, _) = outcome_of(
        "(drop (memory.grow (i32.const 100))) (i32.store (i32.const 1040) (i32.const 3000000))",
    )
    .await;
    assert_eq!(result, Err(CallFailure::BadOutput));
}

const NOW_IMPORT: &str = r#"(import "blnk:app/context@0.1.0" "now" (func $now (result i64)))"#;

#[tokio::test]
async fn h22_calls_into_the_host_are_counted() {
    let world = World::new(&[]).await;
    let times = |number: u32| {
        let handle = format!(
            "(loop $l (drop (call $now)) (local.set $i (i32.add (local.get $i) (i32.const 1))) \
             (br_if $l (i32.lt_u (local.get $i) (i32.const {number}))))"
        );
        Guest {
            imports: NOW_IMPORT,
            handle: &handle,
            ..Guest::default()
        }
        .component()
    };
    world.load("", &times(10_000)).await;
    assert!(world.call("GET").await.0.is_ok());
    world.load("", &times(10_001)).await;
    assert_eq!(world.failure().await.0, CallFailure::Limit);
}

#[tokio::test]
async fn h26_a_call_ends_with_its_time_on_the_clock() {
    let mut settings = RuntimeSettings::default();
    settings.limits.portal.cpu = Duration::from_mins(10);
    settings.limits.portal.wall = Duration::from_millis(100);
    let world = World::with(&[], settings).await;
    world.load("", &guest("(loop $l (br $l))")).await;
    let (failure, report) = world.failure().await;
    assert_eq!(
        (failure.clone(), failure.status()),
        (CallFailure::Wall, 504)
    );
    assert!((100_000..5_000_000).contains(&report.wall_us), "{report:?}");
}

#[tokio::test]
async fn h48_an_abandoned_call_gives_its_permit_back() {
    let mut settings = RuntimeSettings::default();
    settings.limits.portal.cpu = Duration::from_mins(10);
    settings.limits.portal.wall = Duration::from_mins(10);
    settings.limits.running = 2;
    settings.limits.waiting = 0;
    let world = World::with(&[], settings).await;
    world.load("", &guest("(loop $l (br $l))")).await;
    for _ in 0..20 {
        let call = world.call("GET");
        assert!(
            tokio::time::timeout(Duration::from_millis(5), call)
                .await
                .is_err(),
            "the call ended"
        );
        // The task ends at its next slice.
        let begun = Instant::now();
        while world.runtime.0.running.available_permits() < 20 {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "the permit did not come back"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Calls `data.list("x", [], none)` and answers 200 plus the case of the error, or 220 for a result.
const LIST: Guest<'static> = Guest {
    imports: r#"(import "blnk:app/data@0.1.0" "list" (func $list (param i32 i32 i32 i32 i32 i32 i32 i32)))"#,
    fields: "",
    handle: "(call $list (i32.const 1) (i32.const 1) (i32.const 0) (i32.const 0) \
                         (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 4000)) \
             (i32.store8 (global.get $ret) (if (result i32) (i32.eqz (i32.load8_u (i32.const 4000))) \
                (then (i32.const 220)) (else (i32.add (i32.const 200) (i32.load8_u (i32.const 4004))))))",
    world: "app",
};

#[tokio::test]
async fn a_scope_needs_the_user_and_the_package() {
    let asked = "[permissions]\n\"data:read\" = \"To see.\"";
    for (granted, manifest, case, denied) in [
        (&[][..], asked, 0, vec![crate::model::Permission::DataRead]),
        (
            &["data:read"][..],
            "",
            1,
            vec![crate::model::Permission::DataRead],
        ),
        // Both: refused only because there is no such collection.
        (&["data:read"][..], asked, 2, vec![]),
    ] {
        let world = World::new(granted).await;
        world.load(manifest, &LIST.component()).await;
        let (result, report) = world.call("GET").await;
        assert_eq!(
            result.unwrap().status,
            200 + case,
            "granted {granted:?}, manifest {manifest:?}"
        );
        assert_eq!((report.denied, report.cloud_calls), (denied, 0));
        assert_eq!(
            world.app().warnings().len(),
            usize::from(manifest.is_empty())
        );
    }
}

/// Exports everything; `installed` and `uninstalled` have the bodies given.
fn hooks(installed: &str) -> Vec<u8> {
    let fields = format!(
        r#"(func (export "blnk:app/lifecycle@0.1.0#installed") (param i32 i32 i32) (result i32)
               {installed} (i32.const 6000))
           (func (export "blnk:app/lifecycle@0.1.0#uninstalled") (param i32 i32 i32) (result i32) (i32.const 6000))
           (func (export "blnk:app/background@0.1.0#run") (param i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable)
           (func (export "blnk:app/background@0.1.0#webhook") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
               unreachable)
           (data (i32.const 7000) "later")"#
    );
    Guest {
        fields: &fields,
        world: "custom-app",
        ..Guest::default()
    }
    .component()
}

#[tokio::test]
async fn hooks_are_told_where_the_app_has_them() {
    let world = World::new(&[]).await;
    let delivery = Delivery {
        id: "work-1".to_owned(),
        attempt: 1,
    };
    world.load("", &guest("")).await;
    assert_eq!(
        world
            .runtime
            .installed(&world.install, delivery.clone())
            .await,
        HookOutcome::NotExported
    );
    world.load("", &hooks("")).await;
    assert_eq!(
        world
            .runtime
            .installed(&world.install, delivery.clone())
            .await,
        HookOutcome::Done
    );
    assert_eq!(
        world
            .runtime
            .uninstalled(&world.install, delivery.clone())
            .await,
        HookOutcome::Done
    );
    let answers = |case: u8| {
        hooks(&format!(
            "(i32.store8 (i32.const 6000) (i32.const 1)) (i32.store8 (i32.const 6004) (i32.const {case})) \
             (i32.store (i32.const 6008) (i32.const 7000)) (i32.store (i32.const 6012) (i32.const 5))"
        ))
    };
    world.load("", &answers(0)).await;
    let later = "later".to_owned();
    assert_eq!(
        world
            .runtime
            .installed(&world.install, delivery.clone())
            .await,
        HookOutcome::Retry(later.clone())
    );
    world.load("", &answers(1)).await;
    assert_eq!(
        world
            .runtime
            .installed(&world.install, delivery.clone())
            .await,
        HookOutcome::GiveUp(later)
    );
    world.load("", &hooks("unreachable")).await;
    let outcome = world.runtime.installed(&world.install, delivery).await;
    assert_eq!(outcome, HookOutcome::Retry("the app crashed".to_owned()));
}

#[tokio::test]
async fn a_broken_package_stops_only_itself_and_is_listed_with_its_reason() {
    let world = World::new(&[]).await;
    lay(&world.plugins, "kyc", "", &guest(""));
    lay(
        &world.plugins,
        "broken-manifest",
        "nonsense = 1",
        &guest(""),
    );
    lay(&world.plugins, "broken-component", "", b"no");
    std::fs::write(world.plugins.join("README.md"), "").unwrap();
    std::fs::create_dir(world.plugins.join(".kyc.new")).unwrap();
    std::fs::create_dir(world.plugins.join("No Slug")).unwrap();
    world.runtime.load_folder(&world.plugins).await;
    let listed: Vec<_> = world
        .runtime
        .registry()
        .list()
        .iter()
        .map(|app| {
            (
                app.slug().to_string(),
                app.status(),
                app.version().is_some(),
            )
        })
        .collect();
    assert_eq!(
        listed,
        [
            ("broken-component".to_owned(), AppStatus::Broken, true),
            ("broken-manifest".to_owned(), AppStatus::Broken, false),
            ("kyc".to_owned(), AppStatus::Serving, true),
        ]
    );
    assert_eq!(world.body().await, b"");
}

#[tokio::test]
async fn a_bad_package_leaves_the_former_version_serving_and_a_removed_one_is_gone() {
    let world = World::new(&[]).await;
    world.load("", &guest("")).await;
    let digest = world.app().digest().unwrap().to_owned();
    lay(&world.plugins, "kyc", "", b"no");
    world.runtime.load_folder(&world.plugins).await;
    let app = world.app();
    assert_eq!(
        (app.status(), app.digest()),
        (AppStatus::Serving, Some(digest.as_str()))
    );
    assert!(
        app.reason().unwrap().contains("not WebAssembly"),
        "{:?}",
        app.reason()
    );
    assert!(
        world
            .runtime
            .registry()
            .find_page(app.slug(), &digest, NOW)
            .is_some()
    );
    assert!(
        world
            .runtime
            .registry()
            .find_page(app.slug(), "other", NOW)
            .is_none()
    );
    assert_eq!(world.body().await, b"");
    std::fs::remove_dir_all(world.plugins.join("kyc")).unwrap();
    world.runtime.load_folder(&world.plugins).await;
    assert_eq!(world.runtime.registry().list().len(), 0);
    assert!(matches!(
        world.failure().await.0,
        CallFailure::NotServing { .. }
    ));
}

#[tokio::test]
async fn an_unchanged_package_is_not_compiled_again() {
    let world = World::new(&[]).await;
    world.load("", &guest("")).await;
    let before = world.app();
    world.load("", &guest("")).await;
    assert!(Arc::ptr_eq(
        before.plugin().unwrap(),
        world.app().plugin().unwrap()
    ));
}

#[tokio::test]
async fn an_app_that_is_switched_off_is_listed_and_does_not_serve() {
    let mut settings = RuntimeSettings::default();
    let off = AppOverrides {
        limits: Limits::default(),
        settings: BTreeMap::new(),
        enabled: false,
    };
    settings.apps.insert(Slug::parse("kyc").unwrap(), off);
    let world = World::with(&[], settings).await;
    lay(&world.plugins, "kyc", "", &guest(""));
    world.runtime.load_folder(&world.plugins).await;
    assert_eq!(
        (world.app().status(), world.app().version()),
        (AppStatus::Disabled, Some("1.0.0"))
    );
    assert_eq!(world.failure().await.0.status(), 503);
}
