//! Identifiers, keys and the time of day.

use jiff::Timestamp;
use uuid::Uuid;

/// The namespace of every identifier that must be the same on each start.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_9a52_04c8_4bb6_9a5e_51ac_10ad_5e11);

/// The organization that the simulated workspace belongs to.
pub(crate) const ORGANIZATION_ID: &str = "org_01K5Z3M8Q4A1RL0CKD3V000001";
/// The person who clicks in the simulated dashboard.
pub(crate) const USER_ID: &str = "user_01K5Z3M8Q4A1RL0CKD3V000002";

/// The time now. The only place that asks the system for it.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the simulated Cloud's one clock"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// An identifier that is always the same for the same text.
pub(crate) fn fixed(prefix: &str, text: &str) -> String {
    format!("{prefix}{}", Uuid::new_v5(&NAMESPACE, text.as_bytes()))
}

/// The identifier of an instance: the first is 0.
pub(crate) fn instance(number: usize) -> String {
    fixed("instance_", &format!("instance {number}"))
}

/// Where new identifiers come from: chance while serving, a counter while seeding, so that seeded
/// records have the same identifiers on each start.
pub(crate) enum Ids {
    /// Random identifiers.
    Random,
    /// Identifiers derived from a name and a counter.
    Seeded {
        /// Keeps the identifiers of two instances apart.
        name: String,
        /// How many were made.
        made: u64,
    },
}

impl Ids {
    /// Makes a new identifier with this prefix, such as `idt_`.
    pub(crate) fn next(&mut self, prefix: &str) -> String {
        match self {
            Self::Random => format!("{prefix}{}", Uuid::new_v4()),
            Self::Seeded { name, made } => {
                *made += 1;
                fixed(prefix, &format!("{name} {prefix} {made}"))
            }
        }
    }
}

/// A new API key: `blnk_` and 64 hexadecimal digits of two random UUIDs (244 random bits).
pub(crate) fn api_key() -> String {
    format!(
        "blnk_{}{}",
        Uuid::new_v4().simple(),
        Uuid::new_v4().simple()
    )
}

/// The part of a key that may be shown: eight characters, three of them random.
pub(crate) fn key_prefix(api_key: &str) -> String {
    api_key.chars().take(8).collect()
}

/// Something that looks like Core's transaction hash: 64 hexadecimal digits.
pub(crate) fn transaction_hash(text: &str) -> String {
    let first = Uuid::new_v5(&NAMESPACE, text.as_bytes());
    let second = Uuid::new_v5(&first, text.as_bytes());
    format!("{}{}", first.simple(), second.simple())
}
