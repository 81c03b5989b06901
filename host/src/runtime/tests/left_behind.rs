//! S4 and S5: what calls leave behind, in the host's memory and for the next tenant.

use airlock_test_guests::{Probe, probes};

use super::*;
use crate::runtime::engine::Allocation;

/// Ran on its own, since memory is counted by process: what this variable names is the test that may run.
const ALONE: &str = "AIRLOCK_TEST_ALONE";
/// How much more the process may hold after a thousand calls, in KiB.
const MORE: u64 = 16 * 1024;
/// How much more it may hold at any moment: twice what a guest may have, in KiB.
const MORE_MEANWHILE: u64 = 2 * 64 * 1024;

/// Guests whose misdeed is a matter of memory. All are quick, so that a thousand of their calls are.
const NASTY: [&str; 7] = [
    "h03_recursion",
    "h05_memory",
    "h19_passes",
    "h19_returns",
    "h20_overlapping",
    "h28_handles",
    "h47_fill",
];

fn long() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the long form is asked for so")]
    let wanted = std::env::var("AIRLOCK_TEST_LONG");
    wanted.is_ok_and(|value| value == "1")
}

/// Runs a test of this program again, alone in a process of its own. Answers whether this is that process.
fn is_alone(test: &str) -> bool {
    #[expect(clippy::disallowed_methods, reason = "how the child is told")]
    if std::env::var(ALONE).is_ok_and(|alone| alone == test) {
        return true;
    }
    let own = std::env::current_exe().unwrap();
    let mut child = std::process::Command::new(own);
    child
        .args([test, "--exact", "--nocapture"])
        .env(ALONE, test);
    let ended = child.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(
        ended.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    false
}

/// A figure of this process in KiB, such as `VmRSS`.
fn kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// What the process holds at rest: the greatest of what it holds in between is forgotten.
fn at_rest() -> u64 {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    kib("VmRSS")
}

#[tokio::test]
async fn s4_a_thousand_calls_of_a_hostile_guest_leave_the_host_no_larger() {
    if !is_alone(
        "runtime::tests::left_behind::s4_a_thousand_calls_of_a_hostile_guest_leave_the_host_no_larger",
    ) {
        return;
    }
    let wanted = |probe: &Probe| long() || NASTY.contains(&probe.name.as_str());
    let mut measured = 0;
    for probe in probes().into_iter().filter(wanted) {
        let world = World::new(&["data:read"]).await;
        // What takes all of its time would take all of this test's.
        let quick = "[limits]\ncpu_ms = 10\nwall_ms = 50";
        lay(&world.plugins, "kyc", quick, &probe.component());
        world.runtime.load_folder(&world.plugins).await;
        if world.app().status() != AppStatus::Serving {
            continue;
        }
        let repeat = async |times: u32| {
            for _ in 0..times {
                // An answer or a failure: which of them is another test's matter.
                let _ = world.call("GET").await;
                world.clock.advance(Duration::from_mins(1));
            }
        };
        // The allocator's arenas and the pool's pages are there from the first calls on.
        repeat(50).await;
        let before = at_rest();
        repeat(1_000).await;
        let (after, most) = (kib("VmRSS"), kib("VmHWM"));
        let figures = format!(
            "{}: {before} KiB, then {after}, {most} meanwhile",
            probe.name
        );
        assert!(after <= before + MORE, "{figures}");
        assert!(most <= before + MORE_MEANWHILE, "{figures}");
        measured += 1;
    }
    assert!(
        measured >= NASTY.len(),
        "{measured} of them could be called"
    );
}

#[tokio::test]
async fn h39_every_call_begins_with_a_fresh_store() {
    let world = World::new(&[]).await;
    let counting = Guest {
        fields: "(global $count (mut i32) (i32.const 200))",
        handle: "(global.set $count (i32.add (global.get $count) (i32.const 1))) \
                 (i32.store (global.get $ret) (i32.add (global.get $count) (i32.load8_u (i32.const 5000)))) \
                 (i32.store8 (i32.const 5000) (i32.const 7))",
        ..Guest::default()
    };
    world.load("", &counting.component()).await;
    for _ in 0..3 {
        assert_eq!(world.call("GET").await.0.unwrap().status, 201);
    }
}

async fn tenants_in_turns(allocation: Allocation) {
    let settings = RuntimeSettings {
        allocation,
        ..RuntimeSettings::default()
    };
    let world = World::with(&[], settings).await;
    let canary = probes()
        .into_iter()
        .find(|probe| probe.name == "h39_canary");
    world.load("", &canary.unwrap().component()).await;
    let other = world.another("other").await;
    for number in 0..if long() { 10_000 } else { 1_000 } {
        let install = if number % 2 == 0 {
            &world.install
        } else {
            &other
        };
        let answer = world.call_for(install).await;
        assert_eq!(answer.unwrap().status, 201, "call {number}");
        if number % 50 == 25 {
            // Crashes, with all that it has left behind.
            assert_eq!(world.call("POST").await.0, Err(CallFailure::Trap));
            world.clock.advance(Duration::from_mins(1));
        }
    }
}

#[tokio::test]
async fn s5_h39_tenants_in_turns_see_nothing_of_each_other_with_pooled_instances() {
    tenants_in_turns(Allocation::Pooled).await;
}

#[tokio::test]
async fn s5_h39_tenants_in_turns_see_nothing_of_each_other_with_instances_on_demand() {
    tenants_in_turns(Allocation::OnDemand).await;
}
