//! Which `app_id` belongs to which app: asked of the database for one event, or of all the pins at once for many rows.

use std::collections::HashMap;

use super::lifecycle::Installs;
use crate::model::{AppId, Slug};
use crate::store::{Connection, StoreError, pins};

/// The pins as they were when they were read.
pub(super) struct Pins {
    app_of: HashMap<String, AppId>,
    owner_of: HashMap<AppId, String>,
}

impl Installs {
    /// Reads every pin.
    pub(super) async fn pins(&self, connection: &mut Connection) -> Result<Pins, StoreError> {
        let pins = pins::all(connection).await?;
        let owners = pins.iter().map(|(slug, app)| (app.clone(), slug.clone()));
        Ok(Pins {
            owner_of: owners.collect(),
            app_of: pins.into_iter().collect(),
        })
    }

    /// Whether an `app_id` is that of an app, as far as is known: what the operator set, else what was pinned, else
    /// anything that is no other app's.
    pub(super) async fn belongs(
        &self,
        connection: &mut Connection,
        slug: &Slug,
        app: &AppId,
    ) -> Result<bool, StoreError> {
        let expected = match self.0.app_ids.get(slug) {
            Some(_) => None,
            None => pins::find(connection, slug).await?,
        };
        let owner = pins::owner(connection, app).await?;
        Ok(self.is_own(slug, app, expected.as_ref(), owner.as_deref()))
    }

    /// The same, by pins that were read before.
    pub(super) fn belongs_by(&self, pins: &Pins, slug: &Slug, app: &AppId) -> bool {
        let owner = pins.owner_of.get(app).map(String::as_str);
        self.is_own(slug, app, pins.app_of.get(slug.as_str()), owner)
    }

    fn is_own(
        &self,
        slug: &Slug,
        app: &AppId,
        pinned: Option<&AppId>,
        owner: Option<&str>,
    ) -> bool {
        let expected = self.0.app_ids.get(slug).or(pinned);
        let mut configured = self.0.app_ids.iter();
        let configured_elsewhere = configured.any(|(other, id)| other != slug && id == app);
        let pinned_elsewhere = owner.is_some_and(|owner| owner != slug.as_str());
        expected.is_none_or(|expected| expected == app)
            && !configured_elsewhere
            && !pinned_elsewhere
    }
}
