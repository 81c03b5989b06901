//! Calls on several threads, step by step in any order: each is polled only when it was woken, as tasks are.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// One call, as the threads see it.
struct Task {
    place: Place,
    bell: Arc<Bell>,
    /// Rings of its bell that a poll has answered.
    heard: usize,
    /// It is in a poll, with its turn.
    runs: bool,
}

impl Task {
    fn new(turns: &Arc<Turns>, name: &str) -> Self {
        let bell = Arc::new(Bell::default());
        // A new task is polled without being woken.
        bell.0.fetch_add(1, Relaxed);
        Self {
            place: place(turns, name),
            bell,
            heard: 0,
            runs: false,
        }
    }

    /// Polls it if it was woken. Answers whether it was.
    fn poll(&mut self) -> bool {
        if self.runs || self.heard == self.bell.rings() {
            return false;
        }
        self.heard = self.bell.rings();
        let taken = self.place.take(&Waker::from(Arc::clone(&self.bell)));
        // Kept while others take their steps, and made again by `turn`.
        self.runs = taken.map(std::mem::forget).is_some();
        true
    }

    /// Its turn, if it is in a poll.
    fn turn(&mut self) -> Option<Turn<'_>> {
        std::mem::take(&mut self.runs).then(|| Turn(&mut self.place))
    }

    /// Ends its poll because the slice is over.
    fn end_slice(&mut self) {
        let waker = Waker::from(Arc::clone(&self.bell));
        if let Some(turn) = self.turn() {
            turn.end_slice(&waker);
        }
    }

    /// Ends its poll because it waits for something, which comes at once.
    fn pause(&mut self) {
        if self.turn().map(drop).is_some() {
            self.bell.0.fetch_add(1, Relaxed);
        }
    }
}

const NAMES: [&str; 6] = ["a1", "a1", "a2", "b1", "b1", "c1"];

/// Takes one step with one task: it runs on, pauses, gives way, or is dropped and another one comes.
fn step(turns: &Arc<Turns>, task: &mut Task, name: &str, kind: u8) {
    match kind {
        0..=3 => {
            task.poll();
        }
        4..=6 => task.end_slice(),
        7 => task.pause(),
        _ => {
            drop(task.turn());
            *task = Task::new(turns, name);
            if kind == 8 {
                task.place.announce();
            }
        }
    }
}

proptest! {
    #[test]
    fn whoever_waits_is_woken_whatever_the_others_do(
        threads in 1..4_usize,
        steps in vec((0..NAMES.len(), 0..10_u8), 0..200),
    ) {
        let turns = Turns::new(threads);
        let mut tasks: Vec<_> = NAMES.iter().map(|name| Task::new(&turns, name)).collect();
        for (index, kind) in steps {
            step(&turns, &mut tasks[index], NAMES[index], kind);
        }
        // Every call ends with the turn it gets next; nobody is polled who was not woken.
        let mut left: Vec<_> = tasks.into_iter().map(Some).collect();
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for slot in &mut left {
                let Some(task) = slot else { continue };
                moved |= task.poll();
                if task.turn().map(drop).is_some() {
                    *slot = None;
                    moved = true;
                }
            }
        }
        let waiting: Vec<_> = NAMES.iter().zip(&left).filter(|(_, task)| task.is_some()).collect();
        prop_assert!(waiting.is_empty(), "{} were never woken", waiting.len());
        prop_assert!(is_at_rest(&turns, threads));
    }
}
