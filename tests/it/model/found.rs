//! What the random sequences have found, each in its shortest form.

use proptest::test_runner::Config;
use proptest_state_machine::StateMachineTest as _;

use super::step::{Cloud, Event, Place, Step, Told};
use super::world::World;
use super::{Installed, Reference, enter};

const PLACE: Place = Place {
    slug: 0,
    app: 0,
    instance: 0,
};

fn install(install: usize, key: usize) -> Step {
    Step::Tell(Event::Install(Told {
        install,
        place: PLACE,
        key,
        wide: false,
        word: 0,
    }))
}

fn prove(cloud: Cloud, dead: bool) -> Step {
    Step::Prove {
        pick: 0,
        cloud,
        dead,
    }
}

fn used(attempt: usize, cloud: Cloud) -> Step {
    Step::Use {
        pick: attempt,
        cloud,
    }
}

/// The key of the first attempt is refused twice, and its install revoked.
fn revoked() -> [Step; 5] {
    [
        install(0, 0),
        prove(Cloud::Answered, false),
        used(0, Cloud::Refused),
        Step::Wait(5),
        used(0, Cloud::Refused),
    ]
}

fn replay(steps: impl IntoIterator<Item = Step>) {
    enter(World::sqlite());
    let steps = steps.into_iter().collect();
    Installed::test_sequential(Config::default(), Reference::default(), steps, None);
}

#[test]
fn a_403_does_not_restore_an_install_that_a_2xx_had_proven() {
    let restore = |cloud| Step::Restore { pick: 0, cloud };
    let steps = [restore(Cloud::Forbidden), restore(Cloud::Answered)];
    replay(revoked().into_iter().chain(steps));
}

#[test]
fn i15_a_403_takes_no_key_from_a_revoked_install() {
    let steps = [install(1, 1), prove(Cloud::Forbidden, false)];
    let restored = Step::Restore {
        pick: 0,
        cloud: Cloud::Answered,
    };
    replay(revoked().into_iter().chain(steps).chain([restored]));
}

#[test]
fn a_late_refusal_of_a_superseded_key_is_not_held_against_the_new_one() {
    replay([
        install(0, 0),
        prove(Cloud::Answered, false),
        install(0, 1),
        prove(Cloud::Answered, true),
        used(0, Cloud::Refused),
        Step::Wait(5),
        used(1, Cloud::Refused),
    ]);
}

#[test]
fn a_late_answer_to_a_superseded_key_does_not_excuse_the_new_one() {
    replay([
        install(0, 0),
        prove(Cloud::Answered, false),
        install(0, 1),
        prove(Cloud::Answered, true),
        used(1, Cloud::Refused),
        Step::Wait(5),
        used(0, Cloud::Answered),
        used(1, Cloud::Refused),
    ]);
}
