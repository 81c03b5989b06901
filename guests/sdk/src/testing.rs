//! A host for an app's own tests: a small ledger and store in memory, which fails, loses answers, is interrupted or is killed
//! on request.
//!
//! ```
//! use airlock_guest::testing::FakeHost;
//! use airlock_guest::{Collection, Host, Scope};
//! use serde_json::{Value, json};
//!
//! let host = FakeHost::new();
//! host.add(&Collection::Identities, json!({ "identity_id": "idt_1", "last_name": "Byron" }));
//! let identity: Value = host.data().get(&Collection::Identities, "idt_1").unwrap();
//! assert_eq!(identity["last_name"], "Byron");
//!
//! host.grant(&[Scope::AlertsWrite]);
//! assert!(host.data().get::<Value>(&Collection::Identities, "idt_1").is_err());
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use serde_json::Value;

use crate::error::{CloudError, StoreError};
use crate::host::{Entry, Install};
use crate::{Collection, Scope};

mod host;
mod ledger;

use ledger::FakeLedger;

/// A host in memory. All four scopes are granted until [`grant`](Self::grant) says otherwise. Use a new one for each test.
pub struct FakeHost {
    pub(crate) install: RefCell<Install>,
    pub(crate) settings: RefCell<BTreeMap<String, String>>,
    pub(crate) now: Cell<u64>,
    pub(crate) random: Cell<u64>,
    pub(crate) ledger: RefCell<FakeLedger>,
    pub(crate) store: RefCell<BTreeMap<String, Entry>>,
    pub(crate) versions: Cell<u64>,
    pub(crate) calls: RefCell<Vec<String>>,
    faults: RefCell<Vec<(String, Fault)>>,
    interruption: RefCell<Option<(usize, Interruption)>>,
}

/// What befalls one call.
#[derive(Debug, Clone)]
enum Fault {
    Cloud(CloudError),
    Store(StoreError),
    LostAnswer,
}

enum Interruption {
    KillBefore,
    KillAfter,
    Run(Box<dyn FnOnce(&FakeHost)>),
}

/// What unwinds when the host is killed.
struct Killed;

impl FakeHost {
    /// An empty ledger and store, no settings, some time in 2026.
    pub fn new() -> Self {
        Self {
            install: RefCell::new(Install {
                installed_app_id: "ins_1".to_owned(),
                app_id: "app_1".to_owned(),
                instance_id: "inst_1".to_owned(),
                organization_id: None,
                granted: Scope::KNOWN.to_vec(),
            }),
            settings: RefCell::default(),
            now: Cell::new(1_780_000_000_000),
            random: Cell::new(0),
            ledger: RefCell::default(),
            store: RefCell::default(),
            versions: Cell::new(0),
            calls: RefCell::default(),
            faults: RefCell::default(),
            interruption: RefCell::default(),
        }
    }

    /// Grants these scopes and no other.
    pub fn grant(&self, scopes: &[Scope]) {
        self.install.borrow_mut().granted = scopes.to_vec();
    }

    /// Sets a setting.
    pub fn set(&self, name: &str, value: &str) {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.settings.borrow_mut().insert(name, value);
    }

    /// Moves the clock to a time in milliseconds since the Unix epoch.
    pub fn set_now(&self, milliseconds: u64) {
        self.now.set(milliseconds);
    }

    /// Puts an entity into the ledger. It is found by its `identity_id`, `balance_id`, `transaction_id` or `ledger_id`.
    pub fn add(&self, collection: &Collection, entity: Value) {
        self.ledger.borrow_mut().add(collection.as_str(), entity);
    }

    /// An entity as the ledger has it now.
    pub fn entity(&self, collection: &Collection, id: &str) -> Option<Value> {
        self.ledger.borrow().find(collection.as_str(), id).cloned()
    }

    /// The alerts that were raised, oldest first.
    pub fn alerts(&self) -> Vec<Value> {
        self.ledger.borrow().alerts.clone()
    }

    /// The stored value of a key, as text.
    pub fn stored(&self, key: &str) -> Option<String> {
        let store = self.store.borrow();
        let entry = store.get(key)?;
        Some(String::from_utf8_lossy(&entry.value).into_owned())
    }

    /// The calls so far to Cloud, store, connections and jobs, as `ledger.merge-metadata idt_1`.
    pub fn calls(&self) -> Vec<String> {
        self.calls.borrow().clone()
    }

    /// How many of the calls so far begin so.
    pub fn count(&self, prefix: &str) -> usize {
        let calls = self.calls.borrow();
        calls.iter().filter(|call| call.starts_with(prefix)).count()
    }

    /// The next Cloud call that begins so fails with this error, and does nothing.
    pub fn fail(&self, prefix: &str, error: CloudError) {
        self.faults
            .borrow_mut()
            .push((prefix.to_owned(), Fault::Cloud(error)));
    }

    /// The next store call that begins so fails with this error, and does nothing.
    pub fn fail_store(&self, prefix: &str, error: StoreError) {
        self.faults
            .borrow_mut()
            .push((prefix.to_owned(), Fault::Store(error)));
    }

    /// The next Cloud call that begins so is done, but its answer is lost: the app sees `OutcomeUnknown`.
    pub fn lose_answer(&self, prefix: &str) {
        self.faults
            .borrow_mut()
            .push((prefix.to_owned(), Fault::LostAnswer));
    }

    /// The call of this number from now, from 1, never happens: the host is killed before it. See [`run`](Self::run).
    pub fn kill_before(&self, number: usize) {
        self.interrupt(number, Interruption::KillBefore);
    }

    /// The call of this number from now, from 1, is done, and then the host is killed. See [`run`](Self::run).
    pub fn kill_after(&self, number: usize) {
        self.interrupt(number, Interruption::KillAfter);
    }

    /// Before the call of this number from now, from 1, something else happens: another person's request, for example.
    pub fn before(&self, number: usize, action: impl FnOnce(&FakeHost) + 'static) {
        self.interrupt(number, Interruption::Run(Box::new(action)));
    }

    /// Runs the app; none where the host was killed in between. Whatever interruption was ordered and did not come is forgotten.
    pub fn run<T>(&self, app: impl FnOnce() -> T) -> Option<T> {
        // Nothing is borrowed across a kill, and what was done before it is to be seen after it.
        let outcome = catch_unwind(AssertUnwindSafe(app));
        self.interruption.borrow_mut().take();
        match outcome {
            Ok(value) => Some(value),
            Err(reason) if reason.is::<Killed>() => None,
            Err(reason) => resume_unwind(reason),
        }
    }

    fn interrupt(&self, number: usize, interruption: Interruption) {
        let number = self.calls.borrow().len() + number;
        *self.interruption.borrow_mut() = Some((number, interruption));
    }

    /// One call to Cloud that needs a scope.
    pub(crate) fn cloud<T>(
        &self,
        call: &str,
        scope: &Scope,
        work: impl FnOnce(&mut FakeLedger) -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        self.call(call, |fault| {
            if !self.install.borrow().granted.contains(scope) {
                return Err(CloudError::NotGranted(scope.clone()));
            }
            match fault {
                None => work(&mut self.ledger.borrow_mut()),
                Some(Fault::Cloud(error)) => Err(error),
                Some(Fault::Store(_)) => Err(CloudError::Other("misplaced fault".to_owned())),
                Some(Fault::LostAnswer) => {
                    work(&mut self.ledger.borrow_mut())?;
                    Err(CloudError::OutcomeUnknown("the answer was lost".to_owned()))
                }
            }
        })
    }

    /// One call to the store.
    pub(crate) fn stored_call<T>(
        &self,
        call: &str,
        work: impl FnOnce(&mut BTreeMap<String, Entry>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.call(call, |fault| match fault {
            Some(Fault::Store(error)) => Err(error),
            _ => work(&mut self.store.borrow_mut()),
        })
    }

    /// Records a call, and lets happen what was ordered for it.
    pub(crate) fn note<T>(&self, call: &str, work: impl FnOnce() -> T) -> T {
        self.call(call, |_| work())
    }

    fn call<T>(&self, call: &str, work: impl FnOnce(Option<Fault>) -> T) -> T {
        let number = self.calls.borrow().len() + 1;
        let due = self
            .interruption
            .borrow_mut()
            .take_if(|(when, _)| *when == number);
        let mut killed_after = false;
        match due {
            Some((_, Interruption::KillBefore)) => resume_unwind(Box::new(Killed)),
            Some((_, Interruption::KillAfter)) => killed_after = true,
            Some((_, Interruption::Run(action))) => action(self),
            None => {}
        }
        self.calls.borrow_mut().push(call.to_owned());
        let fault = {
            let mut faults = self.faults.borrow_mut();
            let place = faults
                .iter()
                .position(|(prefix, _)| call.starts_with(prefix));
            place.map(|place| faults.remove(place).1)
        };
        let answer = work(fault);
        if killed_after {
            resume_unwind(Box::new(Killed));
        }
        answer
    }
}

impl Default for FakeHost {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FakeHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FakeHost")
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}
