//! Random sequences of events, proofs, crashes and restarts against a reference of the life of installs (W3).
//!
//! `AIRLOCK_TEST_LONG=1` runs 100,000 sequences instead of some hundreds.

mod found;
mod reference;
mod seen;
mod step;
mod system;
mod world;

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine as _, StateMachineTest};

use self::reference::Reference;
use self::seen::Seen;
use self::step::{Lives, Step};
use self::system::System;
use self::world::World;
use airlock_host::config::DatabaseUrl;
use airlock_test_database::TestDatabase;

use crate::support::{keys, long};

const SEQUENCES: u32 = 300;
const SEQUENCES_LONG: u32 = 100_000;
const STEPS: std::ops::RangeInclusive<usize> = 1..=40;

thread_local! {
    /// The world of this thread's sequences: a runner takes no state of its own.
    static WORLD: RefCell<Option<&'static World>> = const { RefCell::new(None) };
}

fn world() -> &'static World {
    WORLD.with_borrow(|world| world.expect("a world"))
}

/// Makes a world this thread's own.
fn enter(world: World) {
    WORLD.with_borrow_mut(|slot| *slot = Some(Box::leak(Box::new(world))));
}

/// Sequences that have run to their end, for those who wait hours.
static DONE: AtomicU32 = AtomicU32::new(0);

/// A system with the reference as it was before the next step.
struct Pair {
    system: System<'static>,
    before: Reference,
}

/// Polls a future so often at most, and drops it then: what was under way is cut where it happens to be.
async fn cut<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

impl Pair {
    /// A step is cut and the host starts again: all of the step is there or nothing. Then it is done again.
    async fn crash(&mut self, after: &Reference, polls: usize, step: &Step) {
        let sessions = self.system.sessions.len();
        let done = cut(polls, self.system.step(&self.before, step)).await;
        self.system.sessions.truncate(sessions);
        self.system.restart().await;
        let mut unchanged = self.before.clone();
        unchanged.step(&Step::Restart);
        let found = Seen::of(&self.system, &self.before).await;
        let (nothing, all) = (Seen::expected(&unchanged), Seen::expected(after));
        assert!(
            found == nothing || found == all,
            "{step:?} cut after {polls} polls ({}) left a half state:\n{found:#?}\nbefore: {nothing:#?}\nafter: {all:#?}",
            if done.is_some() { "done" } else { "not done" },
        );
        assert!(
            done.is_none() || found == all,
            "{step:?} was done and is gone after the restart"
        );
        // Cloud sends again what was not answered. What was stored must not be stored twice.
        if found == nothing || matches!(step, Step::Tell(_) | Step::Again(_)) {
            self.system.step(&self.before, step).await;
        }
    }
}

struct Installed;

impl StateMachineTest for Installed {
    type SystemUnderTest = Pair;
    type Reference = Lives;

    fn init_test(reference: &Reference) -> Pair {
        let world = world();
        let installs = world.runtime.block_on(async {
            let installs = world.open().await;
            world.empty(installs.database().clone()).await
        });
        Pair {
            system: System {
                world,
                installs,
                sessions: Vec::new(),
            },
            before: reference.clone(),
        }
    }

    fn apply(mut pair: Pair, after: &Reference, step: Step) -> Pair {
        let world = world();
        world.clock.advance(Duration::from_millis(1));
        world.runtime.block_on(async {
            match &step {
                Step::Wait(seconds) => world.clock.advance(Duration::from_secs((*seconds).into())),
                Step::Restart => pair.system.restart().await,
                Step::Crash { polls, step } => pair.crash(after, *polls, step).await,
                step => {
                    let outcome = pair.system.step(&pair.before, step).await;
                    assert_eq!(Some(outcome), after.outcome, "{step:?}");
                }
            }
        });
        pair.before = after.clone();
        pair
    }

    fn check_invariants(pair: &Pair, reference: &Reference) {
        let found = world().runtime.block_on(Seen::of(&pair.system, reference));
        assert_eq!(found, Seen::expected(reference));
    }

    fn teardown(pair: Pair, _: Reference) {
        let closing = async { pair.system.installs.database().close().await };
        world().runtime.block_on(closing);
        count_one();
    }
}

#[expect(clippy::print_stdout, reason = "a sign of life in a run of hours")]
fn count_one() {
    let done = DONE.fetch_add(1, Ordering::Relaxed) + 1;
    if done.is_multiple_of(1000) {
        println!("W3: {done} sequences");
    }
}

/// Runs sequences in one world. The ordinary run always takes the same ones, so that it fails for a change alone.
fn run(world: World, sequences: u32, seed: u8) {
    enter(world);
    let config = Config {
        cases: sequences,
        failure_persistence: None,
        max_shrink_iters: 4000,
        // A step that has nothing to work on is drawn again; in a run of hours that happens often.
        max_local_rejects: u32::MAX,
        ..Config::default()
    };
    let seed = if long::is_wanted() {
        keys::random::<32>()
    } else {
        [seed; 32]
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(config.clone(), rng);
    let run = runner.run(
        &Lives::sequential_strategy(STEPS),
        |(first, steps, seen)| {
            Installed::test_sequential(config.clone(), first, steps, seen);
            Ok(())
        },
    );
    if let Err(error) = run {
        panic!("{error}");
    }
}

#[test]
fn w3_random_sequences_end_as_the_reference_says_on_sqlite() {
    let sequences = if long::is_wanted() {
        SEQUENCES_LONG
    } else {
        SEQUENCES
    };
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = sequences.div_ceil(u32::try_from(threads).expect("a small number"));
    std::thread::scope(|scope| {
        for seed in 0..threads {
            let seed = u8::try_from(seed).expect("a small number");
            scope.spawn(move || run(World::sqlite(), share, seed));
        }
    });
    println!(
        "W3: {} sequences of up to {} steps on {threads} threads in {:.0} s",
        share * u32::try_from(threads).expect("a small number"),
        STEPS.end(),
        begun.elapsed().as_secs_f32()
    );
}

#[test]
fn w3_random_sequences_end_as_the_reference_says_on_postgres() {
    let database = TestDatabase::postgres();
    let url = DatabaseUrl::parse(database.url()).expect("an address");
    let sequences = if long::is_wanted() {
        SEQUENCES_LONG / 10
    } else {
        SEQUENCES / 20
    };
    run(World::on(url, None), sequences, 0);
}
