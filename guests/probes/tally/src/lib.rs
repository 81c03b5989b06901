//! A probe: sums transactions, JSON in and JSON out.
//!
//! The bench of calls measures it beside `guests/probes/peer`, which does the same work behind `wasi:http`. `POST tally`
//! takes `{"transactions": [{"reference", "currency", "amount"}]}` and answers their number, the reference of the largest,
//! and a sum for each currency.

mod totals;

use airlock_guest::{App, Host, Problem, Request, Response, Router, Session};

use totals::{Batch, Totals};

/// The app.
#[derive(Debug)]
pub struct Tally;

impl App for Tally {
    fn handle(_host: &impl Host, _session: &Session, request: &Request) -> Response {
        Router::new(request)
            .post("tally", |[]| tally(request))
            .finish()
    }
}

fn tally(request: &Request) -> Result<Response, Problem> {
    let batch: Batch = request.json()?;
    Ok(Response::json(&Totals::of(batch)))
}

airlock_guest::export!(Tally);

#[cfg(test)]
mod tests {
    use airlock_guest::testing::FakeHost;

    use super::*;

    #[test]
    fn transactions_are_summed_by_currency() {
        let session = Session {
            id: "s".to_owned(),
            user_id: None,
            expires_at: 0,
        };
        let body = r#"{"transactions": [
            {"reference": "a", "currency": "USD", "amount": 5}, {"reference": "b", "currency": "GHS", "amount": 7},
            {"reference": "c", "currency": "USD", "amount": 6}]}"#;
        let request = Request::new("POST", "tally").with_body("application/json", body);
        let answer = Tally::handle(&FakeHost::new(), &session, &request);
        let totals: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let expected =
            serde_json::json!({ "count": 3, "largest": "b", "sums": { "GHS": 7, "USD": 11 } });
        assert_eq!((answer.status, totals), (200, expected));
    }
}
