//! The connections that are open: so many in all, and so many of one client.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use super::waiting::SeatState;
use super::{AddressBlock, Settings};

/// Counts the open connections. A cheap handle.
#[derive(Clone)]
pub(super) struct Seats {
    most: usize,
    most_per_address: usize,
    exempt: Arc<[IpNet]>,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    next: u64,
    seats: HashMap<u64, Taker>,
    by_address: HashMap<AddressBlock, usize>,
}

/// Who has a seat.
struct Taker {
    /// None for a trusted proxy.
    block: Option<AddressBlock>,
    state: SeatState,
}

/// The right to hold one connection; given back when dropped.
pub(super) struct Seat {
    number: u64,
    state: SeatState,
    taken: Arc<Mutex<Taken>>,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Full {
    /// The listener holds as many connections as it may, and none of them can be closed.
    Total,
    /// This client does.
    Address,
}

impl Seats {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            most: settings.connections,
            most_per_address: settings.connections_per_address,
            exempt: settings.trusted_proxies.clone().into(),
            taken: Arc::default(),
        }
    }

    /// A seat for a connection from that address. A trusted proxy speaks for many clients, so only the total counts.
    pub(super) fn take(&self, address: IpAddr) -> Result<Seat, Full> {
        let address = address.to_canonical();
        let exempt = self.exempt.iter().any(|range| range.contains(&address));
        let block = (!exempt).then(|| AddressBlock::from(address));
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if block.is_some_and(|block| taken.of(block) >= self.most_per_address) {
            return Err(Full::Address);
        }
        if taken.seats.len() >= self.most && !taken.make_room() {
            return Err(Full::Total);
        }
        if let Some(block) = block {
            *taken.by_address.entry(block).or_default() += 1;
        }
        let (number, state) = (taken.next, SeatState::new(exempt));
        taken.next += 1;
        let holder = Taker {
            block,
            state: state.clone(),
        };
        taken.seats.insert(number, holder);
        drop(taken);
        Ok(Seat {
            number,
            state,
            taken: self.taken.clone(),
        })
    }

    /// Connections that are open.
    pub(super) fn held(&self) -> usize {
        self.taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .seats
            .len()
    }
}

impl Taken {
    fn of(&self, block: AddressBlock) -> usize {
        self.by_address.get(&block).copied().unwrap_or_default()
    }

    /// Takes the seat of a connection on which nothing is asked at the moment: of the client that has most of them, and
    /// of those the one that waits longest. So a few addresses can't keep everybody else out by being there. A trusted
    /// proxy keeps its seats: a request of anybody's may be on its way.
    fn make_room(&mut self) -> bool {
        loop {
            let waiting = self.seats.iter().filter_map(|(number, taker)| {
                let held = self.of(taker.block?);
                Some((held, taker.state.waits_since()?, *number))
            });
            let longest = waiting
                .max_by_key(|(held, since, number)| (*held, Reverse(*since), Reverse(*number)));
            let Some((_, _, number)) = longest else {
                return false;
            };
            // It may have begun to ask just now; then somebody else gives way.
            let given = self
                .seats
                .get(&number)
                .is_some_and(|taker| taker.state.give_away());
            if given {
                self.leave(number);
                return true;
            }
        }
    }

    /// Frees a seat, once.
    fn leave(&mut self, number: u64) {
        let block = self.seats.remove(&number).and_then(|taker| taker.block);
        // An address without connections is forgotten, so the map is never longer than the connections are many.
        if let Some(block) = block
            && let Some(held) = self.by_address.get_mut(&block)
        {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.by_address.remove(&block);
            }
        }
    }
}

impl Seat {
    /// Whether its connection waits, and whether it must go.
    pub(super) fn state(&self) -> &SeatState {
        &self.state
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn seats(connections: usize, per_address: usize) -> Seats {
        Seats::new(&Settings {
            name: "test",
            connections,
            connections_per_address: per_address,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            grace: Duration::ZERO,
        })
    }

    fn take(seats: &Seats, address: &str) -> Result<Seat, Full> {
        seats.take(address.parse().unwrap())
    }

    /// One whose request is under way.
    fn take_busy(seats: &Seats, address: &str) -> Result<Seat, Full> {
        let seat = take(seats, address)?;
        assert!(seat.state().keep());
        Ok(seat)
    }

    #[test]
    fn i12_an_address_has_so_many_and_all_together_so_many() {
        let seats = seats(5, 2);
        let mut held = Vec::new();
        for address in ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"] {
            held.push(take_busy(&seats, address).unwrap());
        }
        assert_eq!(take(&seats, "192.0.2.1").err(), Some(Full::Address));
        held.push(take_busy(&seats, "2001:db8::1").unwrap());
        held.push(take_busy(&seats, "2001:db8::2").unwrap());
        assert_eq!(take(&seats, "192.0.2.9").err(), Some(Full::Total));
        assert_eq!(seats.held(), 5);
        held.clear();
        assert_eq!(seats.held(), 0);
        assert!(
            seats.taken.lock().unwrap().by_address.is_empty(),
            "nothing is kept of addresses that left"
        );
        assert!(take(&seats, "192.0.2.1").is_ok());
    }

    #[test]
    fn a_trusted_proxy_may_hold_them_all_and_not_more() {
        let seats = seats(4, 1);
        let held: Vec<_> = (0..4).map(|_| take(&seats, "10.1.2.3").unwrap()).collect();
        assert_eq!(take(&seats, "10.1.2.3").err(), Some(Full::Total));
        assert_eq!(held.len(), 4);
    }

    #[test]
    fn i12_a_newcomer_to_a_full_house_takes_the_longest_idle_seat_of_who_has_most() {
        let seats = seats(6, 3);
        let proxy = take(&seats, "10.0.0.1").unwrap();
        let one = take(&seats, "192.0.2.1").unwrap();
        let busy = take_busy(&seats, "192.0.2.2").unwrap();
        let (first, second) = (
            take(&seats, "192.0.2.2").unwrap(),
            take(&seats, "192.0.2.2").unwrap(),
        );
        let other = take(&seats, "192.0.2.3").unwrap();
        let gone = |seat: &Seat| !seat.state().keep();
        let third = take(&seats, "192.0.2.4").unwrap();
        assert!(gone(&first), "of those that wait, it has waited longest");
        assert_eq!(seats.held(), 6);
        drop(first);
        assert_eq!(seats.held(), 6, "a seat is given back once");
        // Two of one client are more than one of another, though that one has waited longer.
        let fourth = take(&seats, "192.0.2.5").unwrap();
        assert!(gone(&second));
        for seat in [&proxy, &one, &busy, &other, &third, &fourth] {
            assert!(!gone(seat));
        }
        assert_eq!(take(&seats, "192.0.2.9").err(), Some(Full::Total));
    }
}
