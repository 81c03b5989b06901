//! Lines that are served in rounds: from each line that waits one in a round, whatever the lines' lengths.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

/// Things in the order in which they are served.
pub(super) trait Line: Default {
    /// What waits.
    type Item;

    /// Takes the next one out.
    fn take(&mut self) -> Option<Self::Item>;

    /// Whether nothing waits.
    fn is_empty(&self) -> bool;
}

impl<T> Line for VecDeque<T> {
    type Item = T;

    fn take(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

/// A line for each key. A key that comes while a round is under way is still served in it, unless it was already.
#[derive(Debug)]
pub(super) struct Rounds<K, L> {
    /// None of them is empty.
    lines: HashMap<K, L>,
    /// Keys of lines that are to be served in this round.
    this_round: VecDeque<K>,
    /// Keys of lines that wait for the next.
    next_round: VecDeque<K>,
    /// Keys that were served in this round, whether they still have a line or not: leaving and coming back gains nothing.
    served: HashSet<K>,
}

impl<K, L> Default for Rounds<K, L> {
    fn default() -> Self {
        Self {
            lines: HashMap::new(),
            this_round: VecDeque::new(),
            next_round: VecDeque::new(),
            served: HashSet::new(),
        }
    }
}

impl<K: Clone + Eq + Hash, L: Line> Rounds<K, L> {
    /// The line of a key, which the caller puts something into.
    pub(super) fn line(&mut self, key: &K) -> &mut L {
        if !self.lines.contains_key(key) {
            let round = if self.served.contains(key) {
                &mut self.next_round
            } else {
                &mut self.this_round
            };
            round.push_back(key.clone());
        }
        self.lines.entry(key.clone()).or_default()
    }

    /// Takes note that a key was served otherwise than by [`Line::take`], so that it waits for the next round.
    pub(super) fn note_served(&mut self, key: &K) {
        if self.served.insert(key.clone())
            && let Some(position) = self.this_round.iter().position(|other| other == key)
            && let Some(key) = self.this_round.remove(position)
        {
            self.next_round.push_back(key);
        }
    }

    /// Changes the line of a key, if it has one.
    pub(super) fn edit(&mut self, key: &K, change: impl FnOnce(&mut L)) {
        let Some(line) = self.lines.get_mut(key) else {
            return;
        };
        change(line);
        if line.is_empty() {
            self.lines.remove(key);
            self.this_round.retain(|other| other != key);
            self.next_round.retain(|other| other != key);
            self.forget_if_empty();
        }
    }

    /// Where nobody waits there is no round, and nothing to remember.
    fn forget_if_empty(&mut self) {
        if self.lines.is_empty() {
            self.served.clear();
        }
    }
}

impl<K: Clone + Eq + Hash, L: Line> Line for Rounds<K, L> {
    type Item = L::Item;

    fn take(&mut self) -> Option<L::Item> {
        if self.lines.is_empty() {
            return None;
        }
        if self.this_round.is_empty() {
            std::mem::swap(&mut self.this_round, &mut self.next_round);
            self.served.clear();
        }
        let key = self.this_round.pop_front()?;
        let line = self.lines.get_mut(&key)?;
        let taken = line.take();
        if line.is_empty() {
            self.lines.remove(&key);
            self.served.insert(key);
            self.forget_if_empty();
        } else {
            self.served.insert(key.clone());
            self.next_round.push_back(key);
        }
        taken
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}
