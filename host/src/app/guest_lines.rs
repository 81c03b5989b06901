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
        let speaker = if metadata.target() == GUEST {
            "app"
        } else {
            "host"
        };
        let mut message = Message(String::new());
        event.record(&mut message);
        let level = metadata.level().as_str().to_ascii_lowercase();
        eprintln!("{speaker} {level:<5} {}", message.0);
    }
}

/// The message of an event, without its other fields: app, install and call are known to who made the only call.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, "{value:?}");
        }
    }
}
