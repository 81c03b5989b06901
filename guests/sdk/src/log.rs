//! The app's lines in the host's log.

use std::fmt::Display;

use crate::Host;
use crate::host::Level;

/// The host's log. From [`Host::log`]. The host adds app, install and call; write no personal data.
#[derive(Debug)]
pub struct Log<'host, H: ?Sized>(&'host H);

impl<'host, H: Host + ?Sized> Log<'host, H> {
    pub(crate) fn new(host: &'host H) -> Self {
        Self(host)
    }

    /// For the developer.
    pub fn debug(&self, message: &str, fields: &[(&str, &dyn Display)]) {
        self.write(Level::Debug, message, fields);
    }

    /// Worth knowing afterwards.
    pub fn info(&self, message: &str, fields: &[(&str, &dyn Display)]) {
        self.write(Level::Info, message, fields);
    }

    /// Odd, but served.
    pub fn warn(&self, message: &str, fields: &[(&str, &dyn Display)]) {
        self.write(Level::Warn, message, fields);
    }

    /// Something failed.
    pub fn error(&self, message: &str, fields: &[(&str, &dyn Display)]) {
        self.write(Level::Error, message, fields);
    }

    fn write(&self, level: Level, message: &str, fields: &[(&str, &dyn Display)]) {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_string()))
            .collect();
        self.0.log_write(level, message, &fields);
    }
}
