//! Tests of the queue alone: who is served when, without a thread or a clock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Wake;

use super::*;

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// A place like `a1`: the app's letter and the install's number.
fn place(turns: &Arc<Turns>, name: &str) -> Place {
    let (app, install) = name.split_at(1);
    turns.place(
        Slug::parse(app).unwrap(),
        Some(InstallId::parse(install).unwrap()),
    )
}

/// Calls that never pause, by name, polled one after the other. Whoever has a turn uses its slice up.
struct Spinners {
    places: Vec<(String, Place)>,
    polled: usize,
}

impl Spinners {
    fn new(turns: &Arc<Turns>, names: &[&str]) -> Self {
        let places = names
            .iter()
            .map(|name| ((*name).to_owned(), place(turns, name)));
        Self {
            places: places.collect(),
            polled: 0,
        }
    }

    /// Polls the next one, and answers its name if it had a turn.
    fn poll(&mut self) -> Option<String> {
        let index = self.polled % self.places.len();
        self.polled += 1;
        let (name, place) = &mut self.places[index];
        place.take(Waker::noop())?.end_slice(Waker::noop());
        Some(name.clone())
    }

    /// Polls every one once, and answers who had a turn.
    fn poll_all(&mut self) -> Vec<String> {
        (0..self.places.len()).filter_map(|_| self.poll()).collect()
    }

    /// Whose slices are the next.
    fn slices(&mut self, count: usize) -> Vec<String> {
        let polls = (0..count * self.places.len() * 2).filter_map(|_| self.poll());
        let served: Vec<_> = polls.take(count).collect();
        assert_eq!(served.len(), count, "the turn was lost: {served:?}");
        served
    }
}

fn count(served: &[String], name: &str) -> usize {
    served.iter().filter(|served| *served == name).count()
}

/// Nobody waits and every turn is free.
fn is_at_rest(turns: &Arc<Turns>, count: usize) -> bool {
    let queue = turns.queue();
    queue.free == count && queue.waiting.is_empty()
}

#[test]
fn without_anybody_else_a_call_has_its_turn_at_every_poll() {
    let turns = Turns::new(1);
    let mut only = place(&turns, "a1");
    for _ in 0..3 {
        drop(only.take(Waker::noop()).unwrap());
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        only.take(&waker).unwrap().end_slice(&waker);
        assert_eq!(bell.rings(), 1, "it is polled again by itself");
    }
    drop(only);
    assert!(is_at_rest(&turns, 1));
}

#[test]
fn apps_are_served_in_rounds_then_installs_then_whoever_came_first() {
    let turns = Turns::new(1);
    let mut spinners = Spinners::new(&turns, &["a1", "a1", "a1", "a2", "b1"]);
    assert_eq!(spinners.slices(1), ["a1"]);
    // Half of all for each app, and of that of `a` a half for each install.
    let served = spinners.slices(400);
    assert_eq!(count(&served, "b1"), 200, "{served:?}");
    assert_eq!(count(&served, "a2"), 100, "{served:?}");
    assert_eq!(count(&served, "a1"), 100, "{served:?}");
    for pair in served.chunks_exact(2) {
        assert_eq!(count(pair, "b1"), 1, "{served:?}");
    }
}

#[test]
fn calls_of_one_install_are_served_in_the_order_in_which_they_came() {
    let turns = Turns::new(1);
    let mut places: Vec<_> = (0..4).map(|_| place(&turns, "a1")).collect();
    let bells: Vec<_> = (0..4).map(|_| Arc::new(Bell::default())).collect();
    let mut held = place(&turns, "a1");
    let turn = held.take(Waker::noop()).unwrap();
    for (place, bell) in places.iter_mut().zip(&bells) {
        assert!(place.take(&Waker::from(Arc::clone(bell))).is_none());
    }
    drop(turn);
    for (index, place) in places.iter_mut().enumerate() {
        let rung: Vec<_> = bells.iter().map(|bell| bell.rings()).collect();
        let expected: Vec<_> = (0..4).map(|other| usize::from(other <= index)).collect();
        assert_eq!(rung, expected);
        drop(place.take(Waker::noop()).unwrap());
    }
    assert!(is_at_rest(&turns, 1));
}

#[test]
fn s6_one_call_beside_sixteen_spinners_waits_for_one_slice() {
    let turns = Turns::new(1);
    let mut spinners = Spinners::new(&turns, &["a1"; 16]);
    for _ in 0..50 {
        spinners.slices(7);
        let mut quiet = place(&turns, "b1");
        quiet.announce();
        let mut slices = 0;
        let turn = loop {
            if let Some(turn) = quiet.take(Waker::noop()) {
                break turn;
            }
            slices += usize::from(spinners.poll().is_some());
        };
        assert!(slices <= 1, "it waited for {slices} slices");
        drop(turn);
    }
}

#[test]
fn who_leaves_and_comes_back_gains_nothing_over_who_waits() {
    let turns = Turns::new(1);
    let mut spinners = Spinners::new(&turns, &["a1"]);
    let mut jumpers = ["b1", "c1"].map(|name| place(&turns, name));
    let mut served = Vec::new();
    while served.len() < 300 {
        served.extend(spinners.poll_all());
        // They never use a slice up: they give the turn back and ask again at once.
        for (name, jumper) in ["b1", "c1"].iter().zip(&mut jumpers) {
            if jumper.take(Waker::noop()).map(drop).is_some() {
                served.push((*name).to_owned());
                jumper.announce();
            }
        }
    }
    assert!(count(&served, "a1") >= 99, "{}", count(&served, "a1"));
}

#[test]
fn s6_who_is_ready_when_a_slice_ends_is_served_before_those_who_had_theirs() {
    let turns = Turns::new(1);
    let mut spinners = Spinners::new(&turns, &["a1"; 16]);
    spinners.slices(100);
    // On one thread nobody is polled while another one is: it comes in after the slice, and before the choice.
    let mut quiet = place(&turns, "b1");
    assert!(quiet.take(Waker::noop()).is_none());
    let served = spinners.poll_all();
    assert_eq!(served.len(), 0, "{served:?}");
    drop(quiet.take(Waker::noop()).unwrap());
}

#[test]
fn who_gives_up_with_a_turn_to_hand_on_hands_it_on() {
    let turns = Turns::new(1);
    let (mut first, mut second) = (place(&turns, "a1"), place(&turns, "b1"));
    first.take(Waker::noop()).unwrap().end_slice(Waker::noop());
    let bell = Arc::new(Bell::default());
    assert!(second.take(&Waker::from(Arc::clone(&bell))).is_none());
    drop(first);
    assert_eq!(bell.rings(), 1);
    drop(second.take(Waker::noop()).unwrap());
    assert!(is_at_rest(&turns, 1));
}

#[test]
fn with_two_turns_one_that_hands_on_may_be_called_meanwhile() {
    let turns = Turns::new(2);
    let (mut first, mut second) = (place(&turns, "a1"), place(&turns, "b1"));
    let other = second.take(Waker::noop()).unwrap();
    first.take(Waker::noop()).unwrap().end_slice(Waker::noop());
    // The other turn comes to it, and it still has the one to hand on.
    drop(other);
    let turn = first.take(Waker::noop()).unwrap();
    assert_eq!(turns.queue().free, 1);
    drop(turn);
    first.take(Waker::noop()).unwrap().end_slice(Waker::noop());
    drop(second.take(Waker::noop()).unwrap());
    drop(first);
    assert!(is_at_rest(&turns, 2));
}

#[test]
fn there_are_as_many_turns_as_were_made() {
    let turns = Turns::new(3);
    let mut places: Vec<_> = (0..5).map(|_| place(&turns, "a1")).collect();
    let held: Vec<_> = places
        .iter_mut()
        .map(|place| place.take(Waker::noop()))
        .collect();
    let has: Vec<_> = held.iter().map(Option::is_some).collect();
    assert_eq!(has, [true, true, true, false, false]);
    drop(held);
    // Two are kept for those who waited.
    assert_eq!(turns.queue().free, 1);
    for place in &mut places[3..] {
        drop(place.take(Waker::noop()).unwrap());
    }
    assert!(is_at_rest(&turns, 3));
}

#[test]
fn who_gives_up_leaves_the_queue() {
    let turns = Turns::new(1);
    let (mut first, mut second, mut third) = (
        place(&turns, "a1"),
        place(&turns, "b1"),
        place(&turns, "c1"),
    );
    let turn = first.take(Waker::noop()).unwrap();
    assert!(second.take(Waker::noop()).is_none());
    let bell = Arc::new(Bell::default());
    assert!(third.take(&Waker::from(Arc::clone(&bell))).is_none());
    drop(second);
    drop(turn);
    assert_eq!(bell.rings(), 1);
    drop(third.take(Waker::noop()).unwrap());
    assert!(is_at_rest(&turns, 1));
}

#[test]
fn who_gives_up_with_a_turn_kept_passes_it_on() {
    let turns = Turns::new(1);
    let (mut first, mut second, mut third) = (
        place(&turns, "a1"),
        place(&turns, "b1"),
        place(&turns, "c1"),
    );
    let turn = first.take(Waker::noop()).unwrap();
    // One that was never polled, and one that was.
    second.announce();
    let bell = Arc::new(Bell::default());
    assert!(third.take(&Waker::from(Arc::clone(&bell))).is_none());
    drop(turn);
    assert_eq!(bell.rings(), 0, "the turn is kept for the one before");
    drop(second);
    assert_eq!(bell.rings(), 1);
    drop(third);
    assert!(is_at_rest(&turns, 1));
}

#[test]
fn a_poll_that_panics_gives_its_turn_back() {
    let turns = Turns::new(1);
    let (mut first, mut second) = (place(&turns, "a1"), place(&turns, "b1"));
    let bell = Arc::new(Bell::default());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _turn = first.take(Waker::noop()).unwrap();
        assert!(second.take(&Waker::from(Arc::clone(&bell))).is_none());
        panic!("a poll that panics");
    }));
    assert!(panicked.is_err());
    assert_eq!(bell.rings(), 1);
    drop(second.take(Waker::noop()).unwrap());
    assert!(is_at_rest(&turns, 1));
}

#[test]
fn the_newest_waker_is_the_one_that_is_woken() {
    let turns = Turns::new(1);
    let (mut first, mut second) = (place(&turns, "a1"), place(&turns, "b1"));
    let turn = first.take(Waker::noop()).unwrap();
    let bells = [(); 2].map(|()| Arc::new(Bell::default()));
    for bell in &bells {
        assert!(second.take(&Waker::from(Arc::clone(bell))).is_none());
    }
    drop(turn);
    assert_eq!(bells.map(|bell| bell.rings()), [0, 1]);
}

#[test]
fn who_was_called_before_it_handed_on_wakes_whom_it_hands_on_to() {
    let turns = Turns::new(2);
    let (mut first, mut second) = (place(&turns, "a1"), place(&turns, "b1"));
    let bells = [(); 2].map(|()| Arc::new(Bell::default()));
    let wakers = bells.clone().map(Waker::from);
    first.take(&wakers[0]).unwrap().end_slice(&wakers[0]);
    second.take(&wakers[1]).unwrap().end_slice(&wakers[1]);
    // The second one's turn goes to the first, which still has its own to hand on.
    assert!(second.take(&wakers[1]).is_none());
    assert_eq!(bells.each_ref().map(|bell| bell.rings()), [2, 1]);
    let turn = first.take(&wakers[0]).unwrap();
    assert_eq!(bells.each_ref().map(|bell| bell.rings()), [2, 2]);
    drop(turn);
    drop(second.take(&wakers[1]).unwrap());
    assert!(is_at_rest(&turns, 2));
}

mod tasks;
