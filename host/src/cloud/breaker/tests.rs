//! Who is stopped when Cloud fails for whom (W8), on a clock that stands still.

use super::*;

struct World {
    breakers: Breakers,
    kyc: Slug,
    other: Slug,
}

fn world() -> World {
    let [kyc, other] = ["kyc", "other"].map(|name| Slug::parse(name).unwrap());
    World {
        breakers: Breakers::default(),
        kyc,
        other,
    }
}

fn installs<const N: usize>() -> [InstallId; N] {
    std::array::from_fn(|n| InstallId::parse(format!("instapp_{n}")).unwrap())
}

impl World {
    fn enter<'a>(&'a self, install: &'a InstallId) -> Result<Pass<'a>, Duration> {
        self.breakers.enter(&self.kyc, install)
    }

    fn end(&self, install: &InstallId, health: Health) {
        self.enter(install).unwrap().end(health);
    }

    fn fail(&self, install: &InstallId, times: u32) {
        for _ in 0..times {
            self.end(install, Health::Failed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn w8_it_opens_at_the_fifth_failure_in_a_row_for_that_install_alone() {
    let (world, [one, two]) = (world(), installs());
    world.fail(&one, 4);
    world.end(&one, Health::Answered);
    world.fail(&one, 4);
    drop(world.enter(&one).unwrap());
    world.end(&two, Health::Answered);
    world.fail(&one, 1);
    assert_eq!(world.enter(&one).unwrap_err(), OPEN);
    assert!(world.enter(&two).is_ok(), "another install of the app");
    assert!(world.breakers.enter(&world.other, &one).is_ok());
}

#[tokio::test(start_paused = true)]
async fn w8_half_open_lets_one_probe_through_and_its_end_decides() {
    let (world, [one]) = (world(), installs());
    let early = world.enter(&one).unwrap();
    world.fail(&one, 5);
    early.end(Health::Answered);
    assert!(
        world.enter(&one).is_err(),
        "a try from before does not close it"
    );
    tokio::time::advance(OPEN).await;
    let probe = world.enter(&one).unwrap();
    assert!(world.enter(&one).is_err(), "one probe at a time");
    probe.end(Health::Failed);
    assert_eq!(world.enter(&one).unwrap_err(), OPEN, "open again");
    tokio::time::advance(OPEN).await;
    drop(world.enter(&one).unwrap());
    let next = world
        .enter(&one)
        .expect("a probe that was given up makes room for another");
    next.end(Health::Answered);
    let passes: Vec<_> = (0..10).map(|_| world.enter(&one).unwrap()).collect();
    assert_eq!(passes.len(), 10, "closed");
}

#[tokio::test(start_paused = true)]
async fn w8_one_install_that_fails_for_long_never_stops_another() {
    let (world, [bad, good]) = (world(), installs());
    for _ in 0..100 {
        while let Ok(pass) = world.enter(&bad) {
            pass.end(Health::Failed);
        }
        // Nor do a few failures of the other one, with an answer now and then.
        world.fail(&good, 4);
        world.end(&good, Health::Answered);
        tokio::time::advance(OPEN).await;
    }
}

#[tokio::test(start_paused = true)]
async fn w8_two_installs_that_fail_stop_the_app_until_a_third_one_is_answered() {
    let (world, [one, two, three, four]) = (world(), installs());
    world.fail(&one, 5);
    let early = world.enter(&three).unwrap();
    world.fail(&two, 5);
    assert_eq!(world.enter(&three).unwrap_err(), OPEN);
    assert!(world.breakers.enter(&world.other, &one).is_ok());
    early.end(Health::Answered);
    assert!(world.enter(&three).is_err(), "a try from before");
    tokio::time::advance(OPEN).await;
    let probe = world.enter(&three).unwrap();
    assert!(world.enter(&four).is_err(), "one probe at a time");
    probe.end(Health::Answered);
    assert!(world.enter(&three).is_ok() && world.enter(&four).is_ok());
}

#[tokio::test(start_paused = true)]
async fn w8_an_answer_in_between_keeps_the_app_going() {
    let (world, [one, two, three]) = (world(), installs());
    world.fail(&one, 5);
    world.end(&three, Health::Answered);
    world.fail(&two, 5);
    assert!(world.enter(&three).is_ok());
    assert!(world.enter(&one).is_err() && world.enter(&two).is_err());
}

#[tokio::test(start_paused = true)]
async fn w8_installs_that_are_known_to_fail_do_not_take_the_apps_probe() {
    let (world, [one, two, three, four]) = (world(), installs());
    world.fail(&one, 5);
    world.fail(&two, 5);
    tokio::time::advance(OPEN).await;
    let hanging = [world.enter(&one).unwrap(), world.enter(&two).unwrap()];
    let probe = world.enter(&three).unwrap();
    for pass in hanging {
        pass.end(Health::Failed);
    }
    // What fails for the app's probe stops the app again, and next time another install probes.
    probe.end(Health::Failed);
    assert_eq!(world.enter(&four).unwrap_err(), OPEN);
    tokio::time::advance(OPEN).await;
    drop(world.enter(&three).unwrap());
    let probe = world.enter(&four).unwrap();
    // An install that is known to fail finds out for everybody that Cloud answers.
    world.end(&three, Health::Answered);
    drop(probe);
    let own = world.enter(&one).unwrap();
    assert!(world.enter(&one).is_err(), "its own breaker is its own");
    drop(own);
    assert!(world.enter(&three).is_ok() && world.enter(&four).is_ok());
}
