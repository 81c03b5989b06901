//! `data`: reads. Every function asks for `data:read` first.

use wasmtime::component::HasData;

use super::bindings::blnk::app::{cloud_types, data};
use super::convert::CloudFailure;
use super::{Allowed, Gate};
use crate::cloud::{DataRead, Page};

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
    fn permitted(&self) -> Result<Allowed<'_, DataRead>, CloudFailure> {
        self.0.permit("data")
    }
}

fn page(page: Option<cloud_types::Page>) -> Option<Page> {
    page.map(|page| Page {
        number: page.number,
        size: page.size,
    })
}

impl data::Host for View<'_> {
    async fn list(
        &mut self,
        what: String,
        filters: Vec<(String, String)>,
        requested: Option<cloud_types::Page>,
    ) -> Result<String, CloudFailure> {
        Ok(self
            .permitted()?
            .list(&what, filters, page(requested))
            .await?)
    }

    async fn get(&mut self, what: String, id: String) -> Result<String, CloudFailure> {
        Ok(self.permitted()?.get(&what, &id).await?)
    }

    async fn filter(
        &mut self,
        what: String,
        filters: String,
        requested: Option<cloud_types::Page>,
    ) -> Result<String, CloudFailure> {
        Ok(self
            .permitted()?
            .filter(&what, &filters, page(requested))
            .await?)
    }

    async fn get_core(
        &mut self,
        path: Vec<String>,
        query: Vec<(String, String)>,
    ) -> Result<String, CloudFailure> {
        Ok(self.permitted()?.get_core(&path, query).await?)
    }
}
