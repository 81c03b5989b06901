//! Tests of what is around calls: turns, quarantine, panics, permits, the record, the key.

use tokio::task::JoinSet;

use super::*;

/// Spins for a POST (whose method has four letters) and answers everything else.
const SPINS_FOR_POST: &str =
    "(if (i32.eq (global.get $method_length) (i32.const 4)) (then (loop $l (br $l))))";

/// Crashes while the install's id, which `context.current` tells, ends with `1`; else answers.
const CRASHES_FOR_FIRST: Guest<'static> = Guest {
    imports: r#"(import "blnk:app/context@0.1.0" "current" (func $current (param i32)))"#,
    fields: "",
    handle: "(call $current (i32.const 4000)) \
             (if (i32.eq (i32.const 49) (i32.load8_u (i32.sub \
                    (i32.add (i32.load (i32.const 4000)) (i32.load (i32.const 4004))) (i32.const 1)))) \
                (then unreachable))",
    world: "app",
};

/// Calls `store.set("k", "", always)`.
const SETS: Guest<'static> = Guest {
    imports: r#"(import "blnk:app/store@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32 i64 i32)))"#,
    fields: r#"(data (i32.const 3000) "k")"#,
    handle: "(call $set (i32.const 3000) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) \
                        (i32.const 4000))",
    world: "app",
};

/// Without an end to its CPU time: a call that spins is ended by its test.
fn endless() -> RuntimeSettings {
    let mut settings = RuntimeSettings::default();
    settings.limits.portal.cpu = Duration::from_hours(1);
    settings.limits.portal.wall = Duration::from_hours(1);
    settings
}

fn at_rest(world: &World) -> bool {
    world.runtime.0.running.available_permits() == 20
}

async fn until(mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never came");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s6_a_call_beside_spinning_ones_is_answered_while_they_spin() {
    let world = World::with(&[], endless()).await;
    world.load("", &guest(SPINS_FOR_POST)).await;
    let other = world.another("2").await;
    let mut spinning = JoinSet::new();
    // As many as one install may run.
    for _ in 0..8 {
        let (runtime, install) = (world.runtime.clone(), world.install.clone());
        spinning.spawn(async move { runtime.handle(&install, session(), request("POST")).await });
    }
    until(|| world.runtime.0.running.available_permits() == 12).await;
    for _ in 0..20 {
        assert!(world.call_for(&other).await.is_ok());
    }
    assert!(spinning.try_join_next().is_none(), "they spin all the time");
    spinning.shutdown().await;
    until(|| at_rest(&world)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn s6_spinning_calls_on_two_threads_all_use_their_cpu_time_up() {
    let mut settings = RuntimeSettings {
        guest_threads: Some(2),
        ..RuntimeSettings::default()
    };
    settings.limits.portal.wall = Duration::from_secs(30);
    let world = World::with(&[], settings).await;
    // As many as threads meet most often: each is the next of the other.
    for (round, count) in [2, 2, 3, 4, 2, 2].into_iter().enumerate() {
        // Another version each time, so that nobody is in quarantine.
        let manifest = format!("[limits]\ncpu_ms = {}", 200 + round);
        world.load(&manifest, &guest("(loop $l (br $l))")).await;
        let mut spinning = JoinSet::new();
        for _ in 0..count {
            let (runtime, install) = (world.runtime.clone(), world.install.clone());
            spinning
                .spawn(async move { runtime.handle(&install, session(), request("GET")).await });
        }
        for ended in spinning.join_all().await {
            assert_eq!(ended, Err(CallFailure::Cpu));
        }
    }
}

#[tokio::test]
async fn s11_a_panic_in_a_host_function_ends_that_call_alone() {
    let world = World::new(&[]).await;
    world.load("", &SETS.component()).await;
    assert!(world.call("POST").await.0.is_ok());
    world.runtime.0.fail_point.arm(true);
    let panicked = world.call("POST").await.0;
    assert_eq!(panicked, Err(CallFailure::Trap));
    world.runtime.0.fail_point.arm(false);
    until(|| at_rest(&world)).await;
    assert!(world.call("POST").await.0.is_ok());
}

#[tokio::test]
async fn h15_an_app_that_keeps_crashing_is_not_called_until_one_call_found_out() {
    let world = World::new(&[]).await;
    world.load("", &guest("unreachable")).await;
    for _ in 0..5 {
        assert_eq!(world.failure().await.0, CallFailure::Trap);
    }
    let shut = CallFailure::Quarantined {
        retry_after: Duration::from_secs(30),
    };
    let (failure, report) = world.failure().await;
    assert_eq!((failure.status(), &failure), (503, &shut));
    assert_eq!(report, CallReport::default(), "no guest ran");
    assert_eq!(world.runtime.shut(&world.app()).unwrap().installs, 1);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.failure().await.0, CallFailure::Trap);
    assert_eq!(world.failure().await.0, shut);
}

#[tokio::test]
async fn a_new_version_begins_with_a_clean_slate_and_the_same_one_does_not() {
    let world = World::new(&[]).await;
    world.load("", &guest("unreachable")).await;
    for _ in 0..5 {
        assert_eq!(world.failure().await.0, CallFailure::Trap);
    }
    world.load("", &guest("unreachable")).await;
    assert!(matches!(
        world.failure().await.0,
        CallFailure::Quarantined { .. }
    ));
    world.load("", &guest("")).await;
    assert_eq!(world.body().await, b"");
    assert_eq!(world.runtime.shut(&world.app()), None);
}

#[tokio::test]
async fn what_one_installs_data_provokes_shuts_out_that_install_alone() {
    let world = World::new(&[]).await;
    world.load("", &CRASHES_FOR_FIRST.component()).await;
    let other = world.another("2").await;
    for _ in 0..5 {
        assert_eq!(world.failure().await.0, CallFailure::Trap);
        assert!(world.call_for(&other).await.is_ok());
    }
    assert!(matches!(
        world.failure().await.0,
        CallFailure::Quarantined { .. }
    ));
    assert!(world.call_for(&other).await.is_ok());
    // A second one that ends with a 1: now the app as a whole is shut.
    let second = world.another("11").await;
    for _ in 0..5 {
        assert_eq!(world.call_for(&second).await, Err(CallFailure::Trap));
    }
    assert!(matches!(
        world.call_for(&other).await,
        Err(CallFailure::Quarantined { .. })
    ));
    let shut = world.runtime.shut(&world.app()).unwrap();
    assert!(shut.app_wide, "{shut}");
    world.clock.advance(Duration::from_secs(30));
    assert!(world.call_for(&other).await.is_ok());
    assert!(world.call_for(&other).await.is_ok());
    assert_eq!(
        world.failure().await.0,
        CallFailure::Trap,
        "it finds out for itself"
    );
}

#[tokio::test]
async fn a_hook_of_a_shut_app_comes_again_later() {
    let world = World::new(&[]).await;
    world.load("", &super::hooks("unreachable")).await;
    let delivery = Delivery {
        id: "work-1".to_owned(),
        attempt: 1,
    };
    let tell = || world.runtime.installed(&world.install, delivery.clone());
    for _ in 0..5 {
        assert_eq!(
            tell().await,
            HookOutcome::Retry("the app crashed".to_owned())
        );
    }
    let shut = "the app keeps failing and is not called for a while".to_owned();
    assert_eq!(tell().await, HookOutcome::Retry(shut));
}

#[tokio::test]
async fn waiting_shuts_nobody_out() {
    let mut settings = endless();
    settings.limits.portal.wall = Duration::from_millis(5);
    let world = World::with(&[], settings).await;
    world.load("", &guest("(loop $l (br $l))")).await;
    for _ in 0..10 {
        assert_eq!(world.failure().await.0, CallFailure::Wall);
    }
}

#[tokio::test]
async fn h38_an_answer_that_holds_the_installs_key_is_withheld() {
    let key = format!("{API_KEY}1");
    let answering = |text: &str| {
        let handle = format!(
            "(i32.store (i32.const 1036) (i32.const 2000)) (i32.store (i32.const 1040) (i32.const {}))",
            text.len()
        );
        let fields = format!(r#"(data (i32.const 2000) "{text}")"#);
        Guest {
            fields: &fields,
            handle: &handle,
            ..Guest::default()
        }
        .component()
    };
    let world = World::new(&[]).await;
    world
        .load("", &answering(&format!("blnk_blnk_ it is {key}ef")))
        .await;
    let (failure, report) = world.failure().await;
    assert_eq!(failure, CallFailure::BadOutput);
    assert_eq!(
        report.detail.as_deref(),
        Some("the answer holds the install's API key")
    );
    // Its showable beginning, another install's key, and nearly its own.
    let other = format!("{API_KEY}2");
    for text in [
        "blnk_test_01",
        other.as_str(),
        "blnk_test_0123456789abcdee1",
    ] {
        world.load("", &answering(text)).await;
        assert_eq!(world.body().await, text.as_bytes());
    }
    // So many that they can't all be compared.
    world.load("", &answering(&"blnk_".repeat(1000))).await;
    assert_eq!(world.failure().await.0, CallFailure::BadOutput);
}

#[tokio::test]
async fn a_full_pool_is_told_as_busy() {
    let engine = Engine::new(&EngineSettings {
        concurrent_calls: 1,
        ..EngineSettings::default()
    })
    .unwrap();
    let text = "(component (core module $m (memory 1)) (core instance (instantiate $m)))";
    let bytes = wat::parse_str(text).unwrap();
    let component = wasmtime::component::Component::from_binary(engine.wasmtime(), &bytes).unwrap();
    let linker = Linker::new(engine.wasmtime());
    let store = || store_for_nobody(&engine);
    let mut held = Vec::new();
    // One call, and those that are tried beside it.
    for _ in 0..=engine::TRIALS {
        let mut store = store();
        linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        held.push(store);
    }
    let full = linker.instantiate_async(store(), &component).await;
    let failed = guest::classified(&full.err().unwrap(), false);
    assert_eq!(
        (failed.failure.status(), failed.failure),
        (503, CallFailure::Busy)
    );
    held.pop();
    assert!(linker.instantiate_async(store(), &component).await.is_ok());
}

/// The permits that one call of `kyc` holds while it spins.
async fn permits_of_a_call(world: &World) -> usize {
    let (runtime, install) = (world.runtime.clone(), world.install.clone());
    let mut spinning = JoinSet::new();
    spinning.spawn(async move { runtime.handle(&install, session(), request("GET")).await });
    until(|| !at_rest(world)).await;
    let taken = 20 - world.runtime.0.running.available_permits();
    spinning.shutdown().await;
    until(|| at_rest(world)).await;
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_takes_as_many_permits_as_the_version_that_serves_needs() {
    let world = World::with(&[], endless()).await;
    let spins = "(loop $l (br $l))";
    let heavy = Guest {
        fields: &"(table 1 funcref)".repeat(17),
        handle: spins,
        ..Guest::default()
    };
    world.load("", &heavy.component()).await;
    assert_eq!(permits_of_a_call(&world).await, 3);
    world.load("", &guest(spins)).await;
    assert_eq!(permits_of_a_call(&world).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_that_waits_takes_the_permits_of_its_own_version_whatever_serves_by_then() {
    let mut settings = endless();
    // One call of an install.
    settings.limits.running = 2;
    let world = World::with(&[], settings).await;
    let spins = "(loop $l (br $l))";
    let heavy = Guest {
        fields: &"(table 1 funcref)".repeat(17),
        handle: spins,
        ..Guest::default()
    };
    let (light, heavy) = (guest(spins), heavy.component());
    let (runtime, install) = (&world.runtime, &world.install);
    let call = || Box::pin(runtime.handle(install, session(), request("GET")));
    let (mut first, mut second) = (call(), call());
    let taken = || 20 - world.runtime.0.running.available_permits();
    world.load("", &light).await;
    // Polled once, it has asked.
    assert!(futures_util::poll!(first.as_mut()).is_pending());
    until(|| taken() == 1).await;
    world.load("", &heavy).await;
    assert!(futures_util::poll!(second.as_mut()).is_pending());
    world.load("", &light).await;
    drop(first);
    until(|| taken() == 3).await;
    drop(second);
    until(|| at_rest(&world)).await;
}

#[tokio::test]
async fn a_version_is_loaded_while_every_permit_is_taken() {
    let mut settings = endless();
    settings.limits.running = 40;
    let world = World::with(&[], settings).await;
    world.load("", &guest("(loop $l (br $l))")).await;
    let mut spinning = JoinSet::new();
    for _ in 0..20 {
        let (runtime, install) = (world.runtime.clone(), world.install.clone());
        spinning.spawn(async move { runtime.handle(&install, session(), request("GET")).await });
    }
    until(|| {
        let metrics = world
            .runtime
            .0
            .engine
            .wasmtime()
            .pooling_allocator_metrics();
        metrics.unwrap().component_instances() == 20
    })
    .await;
    // Asserts that it serves.
    world.load("", &guest("")).await;
    spinning.shutdown().await;
}

#[tokio::test]
async fn the_report_has_what_a_call_used() {
    let world = World::new(&[]).await;
    world.load("", &SETS.component()).await;
    let mut request = request("POST");
    request.body = vec![7; 300];
    let (result, report) = world
        .runtime
        .handle_with_report(&world.install, session(), request)
        .await;
    assert!(result.is_ok());
    assert_eq!(
        (
            report.request_bytes,
            report.response_bytes,
            report.cloud_bytes
        ),
        (300, 0, 0)
    );
    assert!(
        report.host_us > 0 && report.host_us <= report.wall_us,
        "{report:?}"
    );
}
