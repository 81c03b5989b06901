//! The connections that are open: so many in all, and so many of one client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

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
    total: usize,
    by_address: HashMap<AddressBlock, usize>,
}

/// The right to hold one connection; given back when dropped.
pub(super) struct Seat {
    block: Option<AddressBlock>,
    taken: Arc<Mutex<Taken>>,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// The listener holds as many connections as it may.
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
        if taken.total >= self.most {
            return Err(Full::Total);
        }
        if let Some(block) = block {
            let held = taken.by_address.get(&block).copied().unwrap_or_default();
            if held >= self.most_per_address {
                return Err(Full::Address);
            }
            taken.by_address.insert(block, held + 1);
        }
        taken.total += 1;
        drop(taken);
        Ok(Seat {
            block,
            taken: self.taken.clone(),
        })
    }

    /// Connections that are open.
    pub(super) fn held(&self) -> usize {
        self.taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .total
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(1);
        // An address without connections is forgotten, so the map is never longer than the connections are many.
        if let Some(block) = self.block
            && let Some(held) = taken.by_address.get_mut(&block)
        {
            *held = held.saturating_sub(1);
            if *held == 0 {
                taken.by_address.remove(&block);
            }
        }
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

    #[test]
    fn i12_an_address_has_so_many_and_all_together_so_many() {
        let seats = seats(5, 2);
        let mut held = Vec::new();
        for address in ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"] {
            held.push(take(&seats, address).unwrap());
        }
        assert_eq!(take(&seats, "192.0.2.1").err(), Some(Full::Address));
        held.push(take(&seats, "2001:db8::1").unwrap());
        held.push(take(&seats, "2001:db8::2").unwrap());
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
}
