//! KYC review as a Custom App: lists identities, checks them by simple rules, records a reviewer's decision on the ledger, and
//! raises an alert where a person must look.
//!
//! Lowest first: `date` and `country` know the world; `case` is the app's own record; `identity` reads the ledger's;
//! `check` judges; `order` and `view` are what comes in and goes out; `search`, `me` and `decision` do the work. Only
//! POST writes.

mod case;
mod check;
mod country;
mod date;
mod decision;
mod identity;
mod me;
mod order;
mod search;
#[cfg(test)]
mod tests;
mod view;

use airlock_guest::{App, Host, Problem, Request, Response, Router, Scope, Session};

use crate::case::CaseFile;
use crate::identity::Identity;
use crate::view::Detail;

/// The app.
#[derive(Debug)]
pub struct Kyc;

impl App for Kyc {
    fn handle(host: &impl Host, session: &Session, request: &Request) -> Response {
        Router::new(request)
            .get("me", |[]| Ok(Response::json(&me::me(host, session))))
            .get("identities", |[]| {
                Ok(Response::json(&search::list(host, request)?))
            })
            .get("identities/{id}", |[id]| detail(host, id))
            .post("identities/{id}/decision", |[id]| {
                let (identity, file) = decision::decide(host, session, request, id)?;
                Ok(Response::json(&Detail::new(host, &identity, &file)))
            })
            .post("identities/{id}/resume", |[id]| {
                let (identity, file) = decision::resume(host, request, id)?;
                Ok(Response::json(&Detail::new(host, &identity, &file)))
            })
            .finish()
    }
}

fn detail(host: &impl Host, id: &str) -> Result<Response, Problem> {
    require(host, Scope::DataRead)?;
    let identity = Identity::fetch(host, id)?;
    let file = CaseFile::load(host, id)?;
    Ok(Response::json(&Detail::new(host, &identity, &file)))
}

/// Refuses early what the host would refuse anyway, before anything is stored or sent.
fn require(host: &impl Host, scope: Scope) -> Result<(), Problem> {
    if host.granted(&scope) {
        Ok(())
    } else {
        Err(Problem::not_granted(scope))
    }
}

airlock_guest::export!(Kyc);
