//! The steps of a random sequence, and which of them can come next.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use super::reference::{Fate, Reference};

/// Which app's address an event came to, and which app and instance it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) slug: usize,
    pub(super) app: usize,
    pub(super) instance: usize,
}

impl Place {
    /// The same slug and instance, whatever the `app_id`.
    pub(super) fn is_beside(self, other: Self) -> bool {
        (self.slug, self.instance) == (other.slug, other.instance)
    }
}

/// An install event: its whole body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Told {
    pub(super) install: usize,
    pub(super) place: Place,
    pub(super) key: usize,
    /// Whether more than reading was granted.
    pub(super) wide: bool,
    /// A word that changes the body and nothing else.
    pub(super) word: usize,
}

/// What Cloud posts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    Install(Told),
    Uninstall { install: usize, place: Place },
}

/// What Cloud says about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cloud {
    /// 2xx.
    Answered,
    /// 403.
    Forbidden,
    /// 401.
    Refused,
    /// Nothing.
    Silent,
}

/// One step. A `pick` chooses among what there is, by its remainder.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Tell(Event),
    /// An earlier event once more: a duplicate, or one that comes late.
    Again(usize),
    /// The key of a pending attempt is proven; `dead` says that of the install in its way is dead.
    Prove {
        pick: usize,
        cloud: Cloud,
        dead: bool,
    },
    /// An attempt that Cloud refused for a day is dropped.
    Forget(usize),
    /// A revoked install is proven again, as a launch does it.
    Restore {
        pick: usize,
        cloud: Cloud,
    },
    /// A call with the key of any attempt comes back: a slow one may hold a key that is no longer the install's.
    Use {
        pick: usize,
        cloud: Cloud,
    },
    Launch {
        install: usize,
        place: Place,
    },
    Deliver(usize),
    Wait(u8),
    Restart,
    /// The step is cut after so many polls, the process dies, and the step is done again.
    Crash {
        polls: usize,
        step: Box<Step>,
    },
}

fn place() -> impl Strategy<Value = Place> {
    // Mostly one place, so that events meet.
    (
        prop_oneof![6 => Just(0_usize), 1 => Just(1)],
        prop_oneof![9 => Just(false), 1 => Just(true)],
        prop_oneof![4 => Just(0_usize), 1 => Just(1)],
    )
        .prop_map(|(slug, foreign, instance)| Place {
            slug,
            app: if foreign { 1 - slug } else { slug },
            instance,
        })
}

fn told() -> impl Strategy<Value = Told> {
    let word = prop_oneof![4 => Just(0_usize), 1 => Just(1)];
    (0..3_usize, place(), 0..3_usize, any::<bool>(), word).prop_map(
        |(install, place, key, wide, word)| Told {
            install,
            place,
            key,
            wide,
            word,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => told().prop_map(Event::Install),
        1 => (0..3_usize, place()).prop_map(|(install, place)| Event::Uninstall { install, place }),
    ]
}

fn cloud() -> impl Strategy<Value = Cloud> {
    prop_oneof![
        4 => Just(Cloud::Answered),
        2 => Just(Cloud::Forbidden),
        2 => Just(Cloud::Refused),
        1 => Just(Cloud::Silent),
    ]
}

fn stored() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => event().prop_map(Step::Tell),
        2 => any::<usize>().prop_map(Step::Again),
        7 => (any::<usize>(), cloud(), any::<bool>())
            .prop_map(|(pick, cloud, dead)| Step::Prove { pick, cloud, dead }),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let crash = (0..CUTS, stored()).prop_map(|(polls, step)| Step::Crash {
        polls,
        step: Box::new(step),
    });
    prop_oneof![
        12 => stored(),
        1 => any::<usize>().prop_map(Step::Forget),
        3 => (any::<usize>(), cloud()).prop_map(|(pick, cloud)| Step::Restore { pick, cloud }),
        7 => (any::<usize>(), prop_oneof![1 => Just(Cloud::Answered), 5 => Just(Cloud::Refused)])
            .prop_map(|(pick, cloud)| Step::Use { pick, cloud }),
        4 => (0..3_usize, place()).prop_map(|(install, place)| Step::Launch { install, place }),
        2 => any::<usize>().prop_map(Step::Deliver),
        3 => prop_oneof![1 => Just(1_u8), 2 => Just(5), 1 => Just(70)].prop_map(Step::Wait),
        1 => Just(Step::Restart),
        3 => crash,
    ]
}

/// A step is cut after fewer polls than this. The longest takes fewer.
pub(super) const CUTS: usize = 48;

/// The state machine over the reference.
pub(super) struct Lives;

impl ReferenceStateMachine for Lives {
    type State = Reference;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Reference> {
        Just(Reference::default()).boxed()
    }

    fn transitions(state: &Reference) -> BoxedStrategy<Step> {
        let state = state.clone();
        any_step()
            .prop_filter("has nothing to work on", move |step| can(&state, step))
            .boxed()
    }

    fn apply(mut state: Reference, step: &Step) -> Reference {
        state.step(step);
        state
    }

    fn preconditions(state: &Reference, step: &Step) -> bool {
        can(state, step)
    }
}

/// Whether a step has something to work on.
fn can(state: &Reference, step: &Step) -> bool {
    match step {
        Step::Again(_) => !state.sent.is_empty(),
        Step::Prove { .. } => state.pick(Fate::Pending, 0).is_some(),
        Step::Forget(pick) => state
            .pick(Fate::Pending, *pick)
            .is_some_and(|at| state.attempts[at].refusals > 0),
        Step::Restore { .. } => state.pick(Fate::Revoked, 0).is_some(),
        Step::Use { .. } => !state.attempts.is_empty(),
        Step::Deliver(_) => state.deliverable(0).is_some(),
        Step::Crash { step, .. } => can(state, step),
        Step::Tell(_) | Step::Launch { .. } | Step::Wait(_) | Step::Restart => true,
    }
}
