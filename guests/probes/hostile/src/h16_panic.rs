//! H16: panics with a message of 8 MiB: the standard library keeps all of it in memory, and of 100 MB there is not enough.

use std::fmt;

use airlock_guest::Response;

/// In lines of 1 KiB.
struct Message;

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = "A".repeat(1023) + "\n";
        (0..8 << 10).try_for_each(|_| formatter.write_str(&line))
    }
}

#[expect(clippy::panic, reason = "what this misdeed is")]
pub(crate) fn scream() -> Response {
    panic!("{Message}")
}
