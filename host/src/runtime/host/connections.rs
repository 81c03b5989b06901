//! `connections`: outside services. This host connects none yet, and says so.

use wasmtime::component::HasData;

use super::Gate;
use super::bindings::blnk::app::connections::{ConnectionError, Host, Request, Response};

pub(super) struct View<'a>(pub(super) Gate<'a>);

impl HasData for View<'static> {
    type Data<'a> = View<'a>;
}

impl Host for View<'_> {
    async fn send(
        &mut self,
        _name: String,
        _request: Request,
    ) -> wasmtime::Result<Result<Response, ConnectionError>> {
        self.0.enter("connections.send")?;
        Ok(Err(ConnectionError::NotConnected))
    }

    async fn callback_url(
        &mut self,
        _name: String,
    ) -> wasmtime::Result<Result<String, ConnectionError>> {
        self.0.enter("connections.callback-url")?;
        Ok(Err(ConnectionError::NotConnected))
    }

    async fn expect(
        &mut self,
        _name: String,
        _correlation: String,
    ) -> wasmtime::Result<Result<(), ConnectionError>> {
        self.0.enter("connections.expect")?;
        Ok(Err(ConnectionError::NotConnected))
    }
}
