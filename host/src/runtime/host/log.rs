//! `log`: the app's lines in the host's log.

use wasmtime::component::HasData;

use super::Gate;
use super::bindings::blnk::app::log::{Host, Level};
use crate::runtime::guest_log::{self, GuestLog};

pub(super) struct View<'a> {
    pub(super) gate: Gate<'a>,
    pub(super) log: &'a GuestLog,
}

impl HasData for View<'static> {
    type Data<'a> = View<'a>;
}

impl Host for View<'_> {
    async fn write(
        &mut self,
        level: Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        self.gate.enter("log.write")?;
        let level = match level {
            Level::Debug => guest_log::Level::Debug,
            Level::Info => guest_log::Level::Info,
            Level::Warn => guest_log::Level::Warn,
            Level::Error => guest_log::Level::Error,
        };
        self.log.write(level, &message, &fields);
        Ok(())
    }
}
