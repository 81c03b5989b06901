//! `ledger`: writes. Every function asks for `data:write` first.

use wasmtime::component::HasData;

use super::bindings::blnk::app::{cloud_types, ledger};
use super::convert::CloudFailure;
use super::{Allowed, Gate};
use crate::cloud::DataWrite;

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
    fn permitted(&self) -> Result<Allowed<'_, DataWrite>, CloudFailure> {
        self.0.permit("ledger")
    }
}

impl ledger::Host for View<'_> {
    async fn create_ledger(&mut self, ledger: String) -> Result<String, CloudFailure> {
        Ok(self.permitted()?.create_ledger(&ledger).await?)
    }

    async fn create_balance(&mut self, balance: String) -> Result<String, CloudFailure> {
        Ok(self.permitted()?.create_balance(&balance).await?)
    }

    async fn link_identity(
        &mut self,
        balance_id: String,
        identity_id: String,
    ) -> Result<String, CloudFailure> {
        Ok(self
            .permitted()?
            .link_identity(&balance_id, &identity_id)
            .await?)
    }

    async fn create_transaction(&mut self, transaction: String) -> Result<String, CloudFailure> {
        Ok(self.permitted()?.create_transaction(&transaction).await?)
    }

    async fn commit_inflight(&mut self, transaction_id: String) -> Result<String, CloudFailure> {
        Ok(self.permitted()?.commit_inflight(&transaction_id).await?)
    }

    async fn void_inflight(&mut self, transaction_id: String) -> Result<String, CloudFailure> {
        Ok(self.permitted()?.void_inflight(&transaction_id).await?)
    }

    async fn refund(&mut self, transaction_id: String) -> Result<String, CloudFailure> {
        Ok(self.permitted()?.refund(&transaction_id).await?)
    }

    async fn create_identity(&mut self, identity: String) -> Result<String, CloudFailure> {
        Ok(self.permitted()?.create_identity(&identity).await?)
    }

    async fn update_identity(
        &mut self,
        id: String,
        changes: String,
    ) -> Result<String, CloudFailure> {
        Ok(self.permitted()?.update_identity(&id, &changes).await?)
    }

    async fn merge_metadata(
        &mut self,
        entity_id: String,
        key: String,
        value: String,
    ) -> Result<String, CloudFailure> {
        Ok(self
            .permitted()?
            .merge_metadata(&entity_id, &key, &value)
            .await?)
    }

    async fn post_core(&mut self, path: Vec<String>, body: String) -> Result<String, CloudFailure> {
        Ok(self.permitted()?.post_core(&path, &body).await?)
    }

    async fn put_core(&mut self, path: Vec<String>, body: String) -> Result<String, CloudFailure> {
        Ok(self.permitted()?.put_core(&path, &body).await?)
    }
}
