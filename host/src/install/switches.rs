//! Which apps the operator switched off by a command. It stands in the database, so that it outlives the host, and other
//! hosts of a shared one follow it.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use super::task::to_its_end;
use crate::model::{Clock, Slug};
use crate::store::{Database, StoreError, audit, switches};

/// The apps that are off. A cheap handle.
#[derive(Clone)]
pub struct Switches {
    database: Database,
    clock: Arc<dyn Clock>,
    off: Arc<watch::Sender<BTreeSet<Slug>>>,
    /// One change at a time, so that memory ends as the database does.
    turn: Arc<Mutex<()>>,
}

impl Switches {
    /// Reads what is off.
    pub async fn open(database: Database, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let switches = Self {
            database,
            clock,
            off: Arc::new(watch::Sender::default()),
            turn: Arc::default(),
        };
        switches.reload().await?;
        Ok(switches)
    }

    /// Reads it again: another host may have changed it.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        self.database.bounded(self.reload_in_turn()).await
    }

    async fn reload_in_turn(&self) -> Result<(), StoreError> {
        let fresh = switches::list(&mut *self.database.read().await?).await?;
        self.off.send_if_modified(|off| {
            let is_other = *off != fresh;
            *off = fresh;
            is_other
        });
        Ok(())
    }

    /// The apps that are off.
    pub fn off(&self) -> BTreeSet<Slug> {
        self.off.borrow().clone()
    }

    /// Hears of every change from now on.
    pub fn changes(&self) -> watch::Receiver<BTreeSet<Slug>> {
        self.off.subscribe()
    }

    /// Switches an app off. Answers whether it was on.
    pub async fn disable(&self, slug: &Slug) -> Result<bool, StoreError> {
        let (switches, slug) = (self.clone(), slug.clone());
        to_its_end(async move {
            let change = switches.change(&slug, Wish::Off);
            switches.database.bounded(change).await
        })
        .await
    }

    /// Switches an app on. Answers whether it was off.
    pub async fn enable(&self, slug: &Slug) -> Result<bool, StoreError> {
        let (switches, slug) = (self.clone(), slug.clone());
        to_its_end(async move {
            let change = switches.change(&slug, Wish::On);
            switches.database.bounded(change).await
        })
        .await
    }

    async fn change(&self, slug: &Slug, wish: Wish) -> Result<bool, StoreError> {
        let _turn = self.turn.lock().await;
        let now = self.clock.now();
        let mut tx = self.database.write().await?;
        let (is_other, event) = match wish {
            Wish::Off => (switches::disable(&mut tx, slug, now).await?, "app_disabled"),
            Wish::On => (switches::enable(&mut tx, slug).await?, "app_enabled"),
        };
        if is_other {
            audit::append(&mut tx, event, Some(slug), None, "", now).await?;
        }
        let committed = tx.commit().await;
        // Also where the commit failed: it may have come through all the same.
        self.reload_in_turn().await?;
        committed?;
        Ok(is_other)
    }
}

#[derive(Clone, Copy)]
enum Wish {
    Off,
    On,
}
