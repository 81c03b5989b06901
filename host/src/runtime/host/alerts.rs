//! `alerts` and `alert-actions`: the workspace's alerts. Reads ask for `alerts:read` first, writes for `alerts:write`.

use wasmtime::component::HasData;

use super::bindings::blnk::app::{alert_actions, alerts, cloud_types};
use super::convert::CloudFailure;
use super::{Allowed, Gate};
use crate::cloud::{AlertsRead, AlertsWrite};

pub(super) struct View<'a>(pub(super) Gate<'a>);

impl HasData for View<'static> {
    type Data<'a> = View<'a>;
}

impl cloud_types::Host for View<'_> {
    fn convert_cloud_error(
        &mut self,
        failure: CloudFailure,
    ) -> wasmtime::Result<cloud_types::CloudError> {
        failure.into_wit()
    }
}

impl View<'_> {
    fn reading(&self) -> Result<Allowed<'_, AlertsRead>, CloudFailure> {
        self.0.permit("alerts")
    }

    fn writing(&self) -> Result<Allowed<'_, AlertsWrite>, CloudFailure> {
        self.0.permit("alert-actions")
    }
}

impl alerts::Host for View<'_> {
    async fn list(&mut self) -> Result<String, CloudFailure> {
        Ok(self.reading()?.list().await?)
    }

    async fn get(&mut self, id: String) -> Result<String, CloudFailure> {
        Ok(self.reading()?.get(&id).await?)
    }

    async fn statuses(&mut self) -> Result<String, CloudFailure> {
        Ok(self.reading()?.statuses().await?)
    }
}

impl alert_actions::Host for View<'_> {
    async fn flag(
        &mut self,
        entity_id: String,
        title: Option<String>,
        description: String,
    ) -> Result<String, CloudFailure> {
        Ok(self
            .writing()?
            .flag(&entity_id, title.as_deref(), &description)
            .await?)
    }

    async fn update(&mut self, id: String, changes: String) -> Result<String, CloudFailure> {
        Ok(self.writing()?.update(&id, &changes).await?)
    }

    async fn create_status(
        &mut self,
        name: String,
        colour: String,
        key: Option<String>,
    ) -> Result<String, CloudFailure> {
        Ok(self
            .writing()?
            .create_status(&name, &colour, key.as_deref())
            .await?)
    }

    async fn update_status(
        &mut self,
        key: String,
        name: String,
        colour: String,
    ) -> Result<String, CloudFailure> {
        Ok(self.writing()?.update_status(&key, &name, &colour).await?)
    }

    async fn delete_status(&mut self, key: String) -> Result<(), CloudFailure> {
        Ok(self.writing()?.delete_status(&key).await?)
    }
}
