//! The app's settings, read as what they mean.

use std::str::FromStr;

use crate::Host;

/// What the operator or the manifest says under `[settings]`. From [`Host::settings`].
#[derive(Debug)]
pub struct Settings<'host, H: ?Sized>(&'host H);

impl<'host, H: Host + ?Sized> Settings<'host, H> {
    pub(crate) fn new(host: &'host H) -> Self {
        Self(host)
    }

    /// The value as it is written.
    pub fn text(&self, name: &str) -> Option<String> {
        self.0.setting(name)
    }

    /// The value as a number or another type that is read from text; none where it is missing or is not one.
    pub fn parsed<T: FromStr>(&self, name: &str) -> Option<T> {
        self.0.setting(name)?.trim().parse().ok()
    }

    /// The parts between commas, trimmed, without empty ones.
    pub fn words(&self, name: &str) -> Vec<String> {
        self.0
            .setting(name)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }
}
