//! Between the generated bindings and this crate's types: the exports that call an [`App`] with the real host.

use std::marker::PhantomData;

use crate::bindings::exports::blnk::app::{background, lifecycle, portal};
use crate::http::Request;
use crate::{App, Session};

mod convert;
mod host;

use host::ComponentHost;

/// The exports of an app.
#[derive(Debug)]
pub struct Exported<A>(PhantomData<A>);

impl<A: App> portal::Guest for Exported<A> {
    fn handle(session: portal::Session, request: portal::Request) -> portal::Response {
        let session = Session {
            id: session.id,
            user_id: session.user_id,
            expires_at: session.expires_at,
        };
        let request = Request {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: request.headers,
            body: request.body,
        };
        let response = A::handle(&ComponentHost, &session, &request);
        portal::Response {
            status: response.status,
            headers: response.headers,
            body: response.body,
        }
    }
}

impl<A: App> lifecycle::Guest for Exported<A> {
    fn installed(delivery: lifecycle::Delivery) -> Result<(), lifecycle::Failure> {
        Ok(A::installed(&ComponentHost, &delivery.into())?)
    }
    fn uninstalled(delivery: lifecycle::Delivery) -> Result<(), lifecycle::Failure> {
        Ok(A::uninstalled(&ComponentHost, &delivery.into())?)
    }
}

impl<A: App> background::Guest for Exported<A> {
    fn run(
        delivery: background::Delivery,
        name: String,
        payload: Vec<u8>,
    ) -> Result<(), background::Failure> {
        Ok(A::run(&ComponentHost, &delivery.into(), &name, &payload)?)
    }
    fn webhook(
        delivery: background::Delivery,
        connection: String,
        payload: Vec<u8>,
    ) -> Result<(), background::Failure> {
        Ok(A::webhook(
            &ComponentHost,
            &delivery.into(),
            &connection,
            &payload,
        )?)
    }
}
