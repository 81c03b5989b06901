//! Requests under way, by the client that a trusted proxy speaks for.
//!
//! A proxy may hold every connection there is. So that one of its clients can't have them all, by requests that never end
//! or answers that are never taken, each has as many requests at once as an address without a proxy has connections.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

use crate::listener::AddressBlock;

/// Counts the requests under way. A cheap handle.
#[derive(Clone)]
pub(super) struct InFlight {
    most: usize,
    held: Arc<Mutex<HashMap<AddressBlock, usize>>>,
}

/// One request under way; it is over when this is dropped.
pub(super) struct UnderWay {
    client: AddressBlock,
    held: Arc<Mutex<HashMap<AddressBlock, usize>>>,
}

impl InFlight {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            held: Arc::default(),
        }
    }

    /// Counts one more, or none if the client has as many as it may.
    pub(super) fn begin(&self, client: AddressBlock) -> Option<UnderWay> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(&client).copied().unwrap_or_default();
        if count >= self.most {
            return None;
        }
        held.insert(client, count + 1);
        drop(held);
        Some(UnderWay {
            client,
            held: self.held.clone(),
        })
    }
}

impl UnderWay {
    /// Holds on until the answer is handed over as a whole, or thrown away.
    pub(super) fn until_sent(self, response: Response) -> Response {
        response.map(|body| {
            Body::new(Counted {
                body,
                _under_way: self,
            })
        })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // A client without requests is forgotten, so the map is never longer than the requests are many.
        if let Some(count) = held.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                held.remove(&self.client);
            }
        }
    }
}

struct Counted {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_so_many_until_its_answers_are_gone_and_nothing_is_kept_of_who_left() {
        let in_flight = InFlight::new(2);
        let block = |text: &str| AddressBlock::from(text.parse::<std::net::IpAddr>().unwrap());
        let begin = || in_flight.begin(block("192.0.2.1"));
        let (one, two) = (begin().unwrap(), begin().unwrap());
        assert!(begin().is_none());
        assert!(in_flight.begin(block("192.0.2.2")).is_some());
        let answer = one.until_sent(Response::new(Body::from("text")));
        assert!(begin().is_none(), "an answer that is not sent counts");
        assert_eq!(answer.body().size_hint().exact(), Some(4));
        drop(answer);
        assert!(begin().is_some());
        drop(two);
        assert!(in_flight.held.lock().unwrap().is_empty());
    }
}
