//! How often something may be asked: token buckets (GCRA), in memory.
//!
//! Three limits: what nobody who is meant to be here asks for, by address; Cloud's own requests, by app and address; and
//! sessions, by app. The portal's API has none: an app has its own limits on running and waiting calls.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use super::client::Client;
use super::error::WebError;
use crate::config::{Rate, RateSettings};
use crate::install::EndpointKind;
use crate::listener::AddressBlock;
use crate::model::{AppId, Slug};

/// Cells that addresses are spread over: 128 KiB, whoever comes.
const CELLS: usize = 16 * 1024;

type Limiter<K, S, C> = RateLimiter<K, S, C, NoOpMiddleware<<C as Clock>::Instant>>;
type Keyed<K, C> = Limiter<K, HashMapStateStore<K>, C>;

/// The limits of one listener.
pub(super) struct Rates<C: Clock = DefaultClock> {
    clock: C,
    unknown: Option<Limiter<AddressBlock, Cells, C>>,
    callback: Option<Keyed<Slug, C>>,
    portal: Option<Keyed<Slug, C>>,
    session: Option<Keyed<AppId, C>>,
}

impl Rates {
    pub(super) fn new(settings: &RateSettings) -> Self {
        Self::with_clock(settings, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Rates<C> {
    fn with_clock(settings: &RateSettings, clock: C) -> Self {
        let unknown = quota(settings.unknown);
        Self {
            unknown: unknown.map(|quota| RateLimiter::new(quota, Cells::new(), clock.clone())),
            callback: keyed(settings.cloud, &clock),
            portal: keyed(settings.cloud, &clock),
            session: keyed(settings.session, &clock),
            clock,
        }
    }

    /// Counts something that a stranger asked for: an unknown path, a wrong secret, a token that is none or over, a body that does
    /// not come.
    pub(super) fn unknown(&self, client: Client) -> Result<(), WebError> {
        self.check(self.unknown.as_ref(), &client.0.into())
    }

    /// Counts a request of Cloud's. The two addresses of an app are counted apart, so that launches can't keep events
    /// out. Only apps that exist come here, so there are no more counters than those.
    pub(super) fn cloud(&self, kind: EndpointKind, app: &Slug) -> Result<(), WebError> {
        let limiter = match kind {
            EndpointKind::Callback => &self.callback,
            EndpointKind::Portal => &self.portal,
        };
        self.check(limiter.as_ref(), app)
    }

    /// Counts a session that is opened with a sound token.
    pub(super) fn session(&self, app: &AppId) -> Result<(), WebError> {
        self.check(self.session.as_ref(), app)
    }

    fn check<K, S>(&self, limiter: Option<&Limiter<K, S, C>>, key: &K) -> Result<(), WebError>
    where
        K: Clone + Eq + Hash,
        S: StateStore<Key = K>,
    {
        let Some(limiter) = limiter else {
            return Ok(());
        };
        limiter.check_key(key).map_err(|not_until| {
            WebError::TooMany(whole_seconds(not_until.wait_time_from(self.clock.now())))
        })
    }
}

fn keyed<K: Clone + Eq + Hash, C: Clock + Clone>(rate: Rate, clock: &C) -> Option<Keyed<K, C>> {
    let quota = quota(rate)?;
    let state = HashMapStateStore::default();
    Some(RateLimiter::new(quota, state, clock.clone()))
}

/// A quota, or none where there is no limit.
fn quota(rate: Rate) -> Option<Quota> {
    let per_second = NonZeroU32::new(rate.per_second)?;
    let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
    Some(Quota::per_second(per_second).allow_burst(burst))
}

/// Whole seconds until it is worth trying again: at least one.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs()
        .saturating_add(u64::from(wait.subsec_nanos() > 0))
        .max(1)
}

/// A fixed number of counters that clients are spread over by a hash which differs from process to process. So memory is
/// the same whoever comes, and nobody can choose whose counter to use up; two clients rarely share one.
struct Cells {
    cells: Box<[InMemoryState]>,
    hasher: RandomState,
}

impl Cells {
    fn new() -> Self {
        Self {
            cells: std::iter::repeat_with(InMemoryState::default)
                .take(CELLS)
                .collect(),
            hasher: RandomState::new(),
        }
    }
}

impl StateStore for Cells {
    type Key = AddressBlock;

    fn measure_and_replace<T, F, E>(&self, key: &AddressBlock, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let hash = self.hasher.hash_one(key) % CELLS as u64;
        let cell = usize::try_from(hash).ok().and_then(|at| self.cells.get(at));
        match cell {
            Some(cell) => cell.measure_and_replace(&NotKeyed::NonKey, f),
            // A remainder is always an index; a counter that is thrown away would be the other way to say so.
            None => InMemoryState::default().measure_and_replace(&NotKeyed::NonKey, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn rates(clock: &FakeRelativeClock) -> Rates<FakeRelativeClock> {
        let rate = |per_second, burst| Rate { per_second, burst };
        let settings = RateSettings {
            unknown: rate(10, 10),
            cloud: rate(50, 500),
            session: rate(50, 128),
        };
        Rates::with_clock(&settings, clock.clone())
    }

    fn slug(text: &str) -> Slug {
        Slug::parse(text).unwrap()
    }

    /// How many of the requests that come for so many seconds, one each millisecond, are let pass.
    fn passed(
        clock: &FakeRelativeClock,
        seconds: u64,
        mut ask: impl FnMut() -> Result<(), WebError>,
    ) -> u64 {
        let mut passed = 0;
        for _ in 0..seconds * 1000 {
            passed += u64::from(ask().is_ok());
            clock.advance(Duration::from_millis(1));
        }
        passed
    }

    /// Whether a count is that of a rate and a burst within 5 %.
    #[track_caller]
    fn assert_exact(passed: u64, expected: u64) {
        assert!(
            passed.abs_diff(expected) * 20 <= expected,
            "{passed} passed in place of {expected}"
        );
    }

    #[test]
    fn w9_every_limit_is_exact_within_5_percent() {
        let clock = FakeRelativeClock::default();
        let rates = rates(&clock);
        let client = Client("192.0.2.1".parse().unwrap());
        assert_exact(passed(&clock, 60, || rates.unknown(client)), 10 + 60 * 10);
        let app = slug("kyc");
        for kind in [EndpointKind::Callback, EndpointKind::Portal] {
            assert_exact(
                passed(&clock, 60, || rates.cloud(kind, &app)),
                500 + 60 * 50,
            );
        }
        let app = AppId::parse("app_1").unwrap();
        assert_exact(passed(&clock, 60, || rates.session(&app)), 128 + 60 * 50);
    }

    #[test]
    fn a_burst_is_exactly_as_long_as_it_is_set_and_says_when_to_come_again() {
        let clock = FakeRelativeClock::default();
        let rates = rates(&clock);
        let app = slug("kyc");
        let burst = (0..1000)
            .filter(|_| rates.cloud(EndpointKind::Portal, &app).is_ok())
            .count();
        assert_eq!(burst, 500);
        let refused = rates.cloud(EndpointKind::Portal, &app);
        assert!(matches!(refused, Err(WebError::TooMany(1))), "{refused:?}");
        assert!(
            rates.cloud(EndpointKind::Callback, &app).is_ok(),
            "events are counted apart"
        );
        assert!(
            rates.cloud(EndpointKind::Portal, &slug("other")).is_ok(),
            "and so are apps"
        );
        clock.advance(Duration::from_millis(20));
        assert!(rates.cloud(EndpointKind::Portal, &app).is_ok());
        assert!(rates.cloud(EndpointKind::Portal, &app).is_err());
    }

    #[test]
    fn each_client_has_a_limit_of_its_own_and_a_network_of_ipv6_one_together() {
        let clock = FakeRelativeClock::default();
        let rates = rates(&clock);
        let ask = |address: &str| rates.unknown(Client(address.parse().unwrap()));
        for number in 0..10 {
            assert!(ask(&format!("2001:db8::{number:x}")).is_ok());
        }
        assert!(ask("2001:db8::ffff").is_err());
        // By chance another client may share the cell; that all of these do is out of the question.
        let free = (0..20)
            .filter(|n| ask(&format!("192.0.2.{n}")).is_ok())
            .count();
        assert!(free >= 18, "{free}");
    }

    #[test]
    fn a_rate_of_0_is_no_limit() {
        let none = Rate {
            per_second: 0,
            burst: 1,
        };
        let settings = RateSettings {
            unknown: none,
            cloud: none,
            session: none,
        };
        let rates = Rates::new(&settings);
        let client = Client("192.0.2.1".parse().unwrap());
        assert!((0..10_000).all(|_| rates.unknown(client).is_ok()));
    }

    #[test]
    fn the_wait_is_in_whole_seconds_and_never_none() {
        for (millis, seconds) in [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }
}
