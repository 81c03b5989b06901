//! Turns: which guests run at the moment, given out by a fair queue.
//!
//! There are as many turns as there are threads for guests, and a guest's call is polled only while it has one. It takes
//! the turn when a poll begins and gives it back when the poll ends, however it ends. A guest that has used up its slice
//! goes back into the queue, which serves apps in rounds, within an app its installs in rounds, and within an install
//! whoever came first: sixteen spinning calls of one app keep another waiting for one slice, not for sixteen.
//!
//! While turns are free, taking one and giving it back are one uncontended lock each.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use crate::model::{InstallId, Slug};

mod rounds;

use rounds::{Line, Rounds};

/// The turns of all guests of a host.
#[derive(Debug)]
pub(crate) struct Turns(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    /// Turns that nobody has. While there are any, nobody waits.
    free: usize,
    /// None for what an app does for no install, such as its start when it is loaded.
    waiting: Rounds<Slug, Rounds<Option<InstallId>, VecDeque<Arc<Waiter>>>>,
}

/// A call that waits. Looked at under the lock of the queue only.
#[derive(Debug)]
struct Waiter(Mutex<Standing>);

#[derive(Debug)]
enum Standing {
    /// In the queue. Without a waker it has not been polled yet, so that it will be anyway.
    Waiting(Option<Waker>),
    /// A turn is kept for it.
    Called,
}

impl Waiter {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_called(&self) -> bool {
        matches!(*self.standing(), Standing::Called)
    }

    /// Wakes this one when it is called, and no longer the one before.
    fn wait_with(&self, waker: &Waker) {
        if let Standing::Waiting(known) = &mut *self.standing()
            && !known.as_ref().is_some_and(|known| known.will_wake(waker))
        {
            *known = Some(waker.clone());
        }
    }

    /// Gives it a turn, and answers whom to wake.
    fn call(&self) -> Option<Waker> {
        match std::mem::replace(&mut *self.standing(), Standing::Called) {
            Standing::Waiting(waker) => waker,
            Standing::Called => None,
        }
    }
}

fn is_called(waiter: Option<&Arc<Waiter>>) -> bool {
    waiter.is_some_and(|waiter| waiter.is_called())
}

impl Queue {
    fn join(&mut self, who: &Who, waker: Option<Waker>) -> Arc<Waiter> {
        let waiter = Arc::new(Waiter(Mutex::new(Standing::Waiting(waker))));
        let of_app = self.waiting.line(&who.app);
        of_app.line(&who.install).push_back(Arc::clone(&waiter));
        waiter
    }

    /// Goes behind everybody who waits, since it had a slice in this round, also if it did not have to wait for it.
    fn join_again(&mut self, who: &Who, waker: &Waker) -> Arc<Waiter> {
        self.waiting.note_served(&who.app);
        self.waiting.line(&who.app).note_served(&who.install);
        self.join(who, Some(waker.clone()))
    }

    /// Gives a turn to the next, or to nobody, and answers whom to wake.
    fn pass_on(&mut self) -> Option<Waker> {
        let Some(next) = self.waiting.take() else {
            self.free += 1;
            return None;
        };
        next.call()
    }
}

impl Turns {
    /// As many turns as `count`, at least one.
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Queue {
            free: count.max(1),
            waiting: Rounds::default(),
        })))
    }

    /// A call's place: where it takes its turns.
    pub(crate) fn place(self: &Arc<Self>, app: Slug, install: Option<InstallId>) -> Place {
        Place {
            turns: Arc::clone(self),
            who: Who { app, install },
            waiter: None,
            hands_on: false,
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a turn to the next in the queue, or to nobody.
    fn pass_on(&self) {
        let woken = self.queue().pass_on();
        if let Some(woken) = woken {
            woken.wake();
        }
    }
}

/// Whom turns are shared out to.
#[derive(Debug)]
struct Who {
    app: Slug,
    install: Option<InstallId>,
}

/// One call's place. Dropped, it leaves the queue.
#[derive(Debug)]
pub(crate) struct Place {
    turns: Arc<Turns>,
    who: Who,
    waiter: Option<Arc<Waiter>>,
    /// It has used its slice up, and still has the turn to give to whoever is the next when it is polled again.
    hands_on: bool,
}

impl Place {
    /// Goes into the queue if no turn is free. For a call that is about to be polled for the first time: the guests'
    /// threads look at new tasks when they have nothing else to do, so that it would come later than it could.
    pub(crate) fn announce(&mut self) {
        let mut queue = self.turns.queue();
        if queue.free == 0 && self.waiter.is_none() {
            self.waiter = Some(queue.join(&self.who, None));
        }
    }

    /// A turn for one poll; or none, and `waker` is woken when it is time to ask again.
    pub(crate) fn take(&mut self, waker: &Waker) -> Option<Turn<'_>> {
        let mut queue = self.turns.queue();
        let woken = if std::mem::take(&mut self.hands_on) {
            // Another thread may have called it since its slice was over.
            let was_called = is_called(self.waiter.as_ref());
            let woken = queue.pass_on();
            // Its own next is not woken: it runs now.
            woken.filter(|_| was_called || !is_called(self.waiter.as_ref()))
        } else {
            None
        };
        let taken = match &self.waiter {
            None if queue.free > 0 => {
                queue.free -= 1;
                true
            }
            None => {
                let waiter = queue.join(&self.who, Some(waker.clone()));
                self.waiter = Some(waiter);
                false
            }
            Some(waiter) if waiter.is_called() => {
                self.waiter = None;
                true
            }
            Some(waiter) => {
                waiter.wait_with(waker);
                false
            }
        };
        drop(queue);
        if let Some(woken) = woken {
            woken.wake();
        }
        // Not made where none was taken: dropping it would give one back.
        taken.then(|| Turn(self))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            let mut queue = self.turns.queue();
            if waiter.is_called() {
                drop(queue);
                self.turns.pass_on();
            } else {
                queue.waiting.edit(&self.who.app, |of_app| {
                    of_app.edit(&self.who.install, |line| {
                        line.retain(|other| !Arc::ptr_eq(other, &waiter));
                    });
                });
            }
        }
        if self.hands_on {
            self.turns.pass_on();
        }
    }
}

/// The right to poll once. Dropped, also by a panic, it goes to the next in the queue.
#[derive(Debug)]
#[must_use = "a turn that is dropped is over"]
pub(crate) struct Turn<'a>(&'a mut Place);

impl Turn<'_> {
    /// Ends the slice: asks for another turn, and is woken to hand this one on.
    ///
    /// Before that the thread looks after its sockets, timers and other calls. So whoever is ready is in the queue when the
    /// next is chosen, and a guest that never pauses keeps nobody waiting until its CPU time is used up.
    pub(crate) fn end_slice(self, waker: &Waker) {
        let mut turn = std::mem::ManuallyDrop::new(self);
        let place = &mut *turn.0;
        let waiter = place.turns.queue().join_again(&place.who, waker);
        place.waiter = Some(waiter);
        place.hands_on = true;
        wake_later(waker);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.turns.pass_on();
    }
}

/// Wakes once the thread has run what is ready and looked at its sockets and timers.
fn wake_later(waker: &Waker) {
    // This is how a task asks for that; it does so for whichever waker it is polled with.
    let yielding = pin!(tokio::task::yield_now());
    let _ = yielding.poll(&mut Context::from_waker(waker));
}

#[cfg(test)]
mod tests;
