//! Tests of the breakers alone, on a clock that the test moves.

use super::*;

/// A version of an app, and a clock.
struct Scene {
    quarantine: Arc<Quarantine>,
    now: UnixMillis,
}

const TRAP: Health = Health::Failed("trap");

impl Scene {
    fn new() -> Self {
        Self {
            quarantine: Arc::default(),
            now: UnixMillis::new(1_776_000_000_000),
        }
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    fn enter(&self, name: &str) -> Result<Pass, u64> {
        self.quarantine
            .enter(&install(name), self.now)
            .map_err(seconds)
    }

    /// One call that is let in and ends so.
    fn call(&self, name: &str, health: Health) -> Option<Change> {
        let pass = self
            .enter(name)
            .unwrap_or_else(|left| panic!("{name} waits {left} s"));
        pass.end(health, self.now)
    }

    /// How many seconds an install has to wait.
    fn waits(&self, name: &str) -> Option<u64> {
        let left = self.quarantine.left(&install(name), self.now);
        left.map(seconds)
    }

    fn shut(&mut self, name: &str) -> Option<Change> {
        for _ in 0..4 {
            assert_eq!(self.call(name, TRAP), None);
        }
        self.call(name, TRAP)
    }
}

fn install(name: &str) -> InstallId {
    InstallId::parse(name).unwrap()
}

#[test]
fn h15_five_failures_in_a_minute_shut_an_install_out_for_thirty_seconds_and_nobody_else() {
    let mut scene = Scene::new();
    for _ in 0..4 {
        assert_eq!(scene.call("a", TRAP), None);
        assert_eq!(scene.call("a", Health::Answered), None);
        scene.wait(10);
    }
    assert_eq!(scene.waits("a"), None);
    assert_eq!(scene.call("a", TRAP), Some(Change::InstallShut));
    assert_eq!(scene.waits("a"), Some(30));
    assert_eq!(scene.enter("a").err(), Some(30));
    scene.wait(29);
    assert_eq!(scene.waits("a"), Some(1));
    assert_eq!(scene.waits("b"), None);
    assert_eq!(scene.call("b", Health::Answered), None);
}

#[test]
fn failures_that_are_further_apart_shut_nobody_out() {
    let mut scene = Scene::new();
    for _ in 0..100 {
        assert_eq!(scene.call("a", TRAP), None);
        scene.wait(15);
    }
    assert_eq!(scene.waits("a"), None);
}

#[test]
fn one_call_finds_out_and_opens_or_shuts_again() {
    let mut scene = Scene::new();
    scene.shut("a");
    scene.wait(30);
    let probe = scene.enter("a").unwrap();
    assert_eq!(scene.enter("a").err(), Some(1), "one at a time");
    assert_eq!(probe.end(TRAP, scene.now), None);
    assert_eq!(scene.enter("a").err(), Some(30), "shut again");
    scene.wait(30);
    assert_eq!(
        scene.call("a", Health::Answered),
        Some(Change::InstallServes)
    );
    // Its failures are forgotten.
    for _ in 0..4 {
        assert_eq!(scene.call("a", TRAP), None);
    }
    assert_eq!(scene.call("a", TRAP), Some(Change::InstallShut));
}

#[test]
fn a_probe_that_learns_nothing_leaves_the_next_call_to_find_out() {
    let mut scene = Scene::new();
    scene.shut("a");
    scene.wait(30);
    // Dropped, as by a caller who left; then one whose time on the clock was over.
    drop(scene.enter("a").unwrap());
    assert_eq!(scene.call("a", Health::Unknown), None);
    assert_eq!(
        scene.call("a", Health::Answered),
        Some(Change::InstallServes)
    );
}

#[test]
fn calls_that_began_before_say_nothing() {
    let mut scene = Scene::new();
    let (good, bad) = (scene.enter("a").unwrap(), scene.enter("a").unwrap());
    let Scene { quarantine, now } = &scene;
    for _ in 0..5 {
        let pass = quarantine.enter(&install("a"), *now).unwrap();
        pass.end(TRAP, *now);
    }
    assert_eq!(good.end(Health::Answered, *now), None);
    assert_eq!(bad.end(TRAP, now.plus(Duration::from_secs(20))), None);
    scene.wait(20);
    assert_eq!(scene.waits("a"), Some(10), "neither open nor shut longer");
}

#[test]
fn two_installs_shut_the_app_and_one_call_of_anybody_finds_out() {
    let mut scene = Scene::new();
    scene.shut("a");
    assert_eq!(scene.call("c", Health::Answered), None);
    scene.wait(5);
    assert_eq!(scene.shut("b"), Some(Change::AppShut));
    assert_eq!(scene.enter("c").err(), Some(30));
    scene.wait(30);
    let probe = scene.enter("c").unwrap();
    for name in ["a", "b", "d"] {
        assert_eq!(scene.enter(name).err(), Some(1), "{name}");
    }
    assert_eq!(
        probe.end(Health::Answered, scene.now),
        Some(Change::AppServes)
    );
    assert_eq!(scene.call("d", Health::Answered), None);
    // Those that failed find out for themselves, and hold up no one any more.
    assert_eq!(scene.call("a", TRAP), None);
    assert_eq!(scene.call("b", TRAP), None);
    assert_eq!(
        (scene.waits("a"), scene.waits("b"), scene.waits("d")),
        (Some(30), Some(30), None)
    );
}

#[test]
fn a_failed_probe_for_the_app_keeps_it_shut_and_a_known_sinner_does_not_use_up_its_turn() {
    let mut scene = Scene::new();
    scene.shut("a");
    scene.shut("b");
    scene.wait(30);
    assert_eq!(scene.call("a", TRAP), None);
    assert_eq!(scene.waits("c"), None, "it may ask for the app at once");
    assert_eq!(scene.call("c", TRAP), Some(Change::InstallShut));
    assert_eq!(scene.waits("d"), Some(30));
    scene.wait(30);
    assert_eq!(scene.call("b", Health::Answered), Some(Change::AppServes));
}

#[test]
fn a_known_sinner_that_finds_out_for_itself_keeps_nobody_from_finding_out_for_the_app() {
    let mut scene = Scene::new();
    scene.shut("a");
    scene.shut("b");
    scene.wait(30);
    let of_sinner = scene.enter("a").unwrap();
    let probe = scene.enter("c").unwrap();
    assert_eq!(scene.enter("d").err(), Some(1), "one at a time");
    // The sinner's end does not let a second one in.
    assert_eq!(of_sinner.end(Health::Unknown, scene.now), None);
    assert_eq!(scene.enter("d").err(), Some(1));
    assert_eq!(
        probe.end(Health::Answered, scene.now),
        Some(Change::AppServes)
    );
}

#[test]
fn a_probe_that_began_before_the_app_was_shut_does_not_open_it() {
    let mut scene = Scene::new();
    scene.shut("a");
    scene.wait(30);
    let early = scene.enter("a").unwrap();
    assert_eq!(scene.shut("b"), Some(Change::AppShut));
    assert_eq!(
        early.end(Health::Answered, scene.now),
        Some(Change::InstallServes)
    );
    assert_eq!(scene.waits("c"), Some(30));
    // Nor does one from an earlier time that it was shut.
    scene.wait(30);
    let (of_second, early) = (scene.enter("b").unwrap(), scene.enter("c").unwrap());
    assert_eq!(
        of_second.end(Health::Answered, scene.now),
        Some(Change::AppServes)
    );
    scene.wait(1);
    scene.shut("e");
    assert_eq!(scene.shut("f"), Some(Change::AppShut));
    assert_eq!(early.end(Health::Answered, scene.now), None);
    assert_eq!(scene.waits("c"), Some(30));
}

/// Two installs that shut the app, which a third one opens again: now it is known that they fail by themselves.
fn two_that_fail_alone() -> Scene {
    let mut scene = Scene::new();
    scene.shut("a");
    assert_eq!(scene.shut("b"), Some(Change::AppShut));
    scene.wait(30);
    assert_eq!(scene.call("c", Health::Answered), Some(Change::AppServes));
    scene
}

#[test]
fn those_that_fail_while_others_are_answered_shut_the_app_once() {
    let mut scene = two_that_fail_alone();
    // For an hour, whether they behave between two rounds or not.
    for round in 0..120 {
        for name in ["a", "b"] {
            let health = if round % 2 == 0 {
                Health::Answered
            } else {
                TRAP
            };
            scene.call(name, health);
            while scene.waits(name).is_none() {
                scene.call(name, TRAP);
            }
        }
        assert_eq!(scene.waits("c"), None, "round {round}");
        scene.wait(30);
    }
    // Others that fail still shut it.
    scene.shut("d");
    assert_eq!(scene.shut("e"), Some(Change::AppShut));
}

#[test]
fn two_that_open_the_app_themselves_do_not_shut_it_again() {
    let mut scene = Scene::new();
    scene.shut("a");
    assert_eq!(scene.shut("b"), Some(Change::AppShut));
    for round in 0..20 {
        scene.wait(30);
        // They behave once, when it is time to ask, and fail again.
        for name in ["a", "b"] {
            scene.call(name, Health::Answered);
        }
        for name in ["a", "b"] {
            while scene.waits(name).is_none() {
                scene.call(name, TRAP);
            }
        }
        assert_eq!(scene.waits("c"), None, "round {round}");
    }
}

#[test]
fn one_that_fails_alone_and_finds_out_for_the_app_does_not_keep_it_shut() {
    let mut scene = two_that_fail_alone();
    assert_eq!(
        scene.call("a", Health::Answered),
        Some(Change::InstallServes)
    );
    scene.shut("d");
    assert_eq!(scene.shut("e"), Some(Change::AppShut));
    scene.wait(30);
    assert_eq!(scene.call("a", TRAP), Some(Change::InstallShut));
    assert_eq!(scene.waits("c"), None, "the next one asks at once");
    assert_eq!(scene.call("c", Health::Answered), Some(Change::AppServes));
}

#[test]
fn ten_minutes_after_its_last_failure_an_install_counts_again() {
    let mut scene = two_that_fail_alone();
    scene.wait(5 * 60);
    assert_eq!(scene.call("a", TRAP), None);
    scene.wait(5 * 60);
    // One does, since it failed no more, and the other does not.
    assert_eq!(
        scene.call("a", Health::Answered),
        Some(Change::InstallServes)
    );
    assert_eq!(
        scene.call("b", Health::Answered),
        Some(Change::InstallServes)
    );
    assert_eq!(scene.shut("b"), Some(Change::InstallShut));
    assert_eq!(scene.shut("a"), Some(Change::InstallShut));
    assert_eq!(scene.shut("d"), Some(Change::AppShut));
}

#[test]
fn an_install_that_nobody_asked_for_since_does_not_shut_the_app() {
    let mut scene = Scene::new();
    scene.shut("a");
    scene.wait(30 + 60);
    assert_eq!(scene.shut("b"), Some(Change::InstallShut));
    assert_eq!(scene.waits("c"), None);
}

#[test]
fn the_operator_sees_since_when_how_often_and_how() {
    let mut scene = Scene::new();
    let shown = |scene: &Scene| {
        let shut = scene.quarantine.shut(scene.now)?;
        Some((shut.app_wide, shut.to_string()))
    };
    assert_eq!(shown(&scene), None);
    for _ in 0..4 {
        scene.call("a", TRAP);
    }
    assert_eq!(shown(&scene), None);
    scene.call("a", Health::Failed("memory"));
    assert_eq!(
        shown(&scene),
        Some((
            false,
            "1 install is in quarantine since 2026-04-12T13:20:00Z: 5 failures, the last was memory; \
             one call is let in after 30 s"
                .to_owned()
        ))
    );
    scene.wait(10);
    scene.shut("b");
    assert_eq!(
        shown(&scene),
        Some((
            true,
            "in quarantine since 2026-04-12T13:20:10Z: 10 failures, the last was trap; one call is let in after 30 s"
                .to_owned()
        ))
    );
    scene.wait(30);
    assert!(
        shown(&scene)
            .unwrap()
            .1
            .ends_with("the next call finds out whether it works again")
    );
    scene.call("c", Health::Answered);
    assert_eq!(shown(&scene), None);
}

#[test]
fn what_the_guest_did_by_itself_counts_and_waiting_does_not() {
    let of = |failure| Health::of::<()>(&Err(failure));
    for failure in [
        CallFailure::Cpu,
        CallFailure::Memory,
        CallFailure::Trap,
        CallFailure::Limit,
        CallFailure::BadOutput,
    ] {
        let word = failure.word();
        assert_eq!(of(failure), Health::Failed(word));
    }
    for failure in [
        CallFailure::Wall,
        CallFailure::Busy,
        CallFailure::NotServing {
            reason: String::new(),
        },
        CallFailure::Quarantined {
            retry_after: Duration::ZERO,
        },
    ] {
        assert_eq!(of(failure), Health::Unknown);
    }
    assert_eq!(Health::of(&Ok(())), Health::Answered);
}

#[test]
fn what_is_kept_is_bounded_and_forgotten_when_it_is_over() {
    let mut scene = Scene::new();
    for number in 0..10_100 {
        scene.call(&format!("i{number}"), TRAP);
    }
    assert!(scene.quarantine.state().installs.values().count() <= 10_000);
    scene.wait(60);
    for number in 0..10_100 {
        scene.call(&format!("i{number}"), Health::Answered);
    }
    assert!(scene.quarantine.state().is_empty());
    assert!(scene.quarantine.is_quiet());
}
