//! The log of a command that makes one call: what the guest says, a line each, and of the host itself only errors.

use std::fmt::Write as _;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Where guests' lines are marked to come from.
const GUEST: &str = "airlock::guest";

/// Starts that log, on standard error. A second start is ignored.
pub(crate) fn show_guest_log() {
    let _ = tracing_subscriber::registry().with(GuestLines).try_init();
}

struct GuestLines;

impl<S: Subscriber> Layer<S> for GuestLines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == GUEST || *metadata.level() == Level::ERROR
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let (speaker, field) = if metadata.target() == GUEST {
            ("app", "text")
        } else {
            ("host", "message")
        };
        let mut words = Words(field, String::new());
        event.record(&mut words);
        let level = metadata.level().as_str().to_ascii_lowercase();
        eprintln!("{speaker} {level:<5} {}", words.1);
    }
}

/// One field of an event, without the others: app, install and call are known to who made the only call.
struct Words(&'static str, String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == self.0 {
            let _ = write!(self.1, "{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.0 {
            self.1.push_str(value);
        }
    }
}
