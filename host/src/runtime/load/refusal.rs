//! Why a package can't be served, and whether that is its own fault or the host's trouble of a moment.

use std::sync::Arc;

use crate::runtime::guest_log::escaped;
use crate::runtime::package::{Package, PackageError};
use crate::runtime::plugin::LoadError;

/// Longest reason in bytes. It stands in the registry, in lists and in the log.
const MAX_REASON: usize = 2048;

/// A reason, on one line of plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    text: String,
    passes: bool,
}

impl Reason {
    /// The package's own fault: it is as it is until the package changes.
    pub(super) fn lasting(text: &str) -> Self {
        Self {
            text: escaped(text, MAX_REASON),
            passes: false,
        }
    }

    /// The host's trouble, which may be over at the next look.
    pub(super) fn passing(text: &str) -> Self {
        Self {
            text: escaped(&format!("{text}; the host tries again"), MAX_REASON),
            passes: true,
        }
    }
}

impl From<LoadError> for Reason {
    fn from(error: LoadError) -> Self {
        let text = error.to_string();
        match error {
            LoadError::Compiler(_) | LoadError::Interrupted(_) | LoadError::NotNow(_) => {
                Self::passing(&text)
            }
            _ => Self::lasting(&text),
        }
    }
}

impl From<PackageError> for Reason {
    fn from(error: PackageError) -> Self {
        let text = error.to_string();
        match error {
            PackageError::Io { .. } => Self::passing(&text),
            _ => Self::lasting(&text),
        }
    }
}

/// Why a package can't be served.
#[derive(Clone)]
pub(super) struct Refusal {
    /// As far as it could be read.
    pub(super) package: Option<Arc<Package>>,
    reason: Reason,
}

impl Refusal {
    pub(super) fn new(package: Option<Arc<Package>>, reason: Reason) -> Self {
        Self { package, reason }
    }

    /// The reason, for whoever mends it.
    pub(super) fn reason(&self) -> &str {
        &self.reason.text
    }

    /// Whether it may be over at the next look, though the package is the same.
    pub(super) fn passes(&self) -> bool {
        self.reason.passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h44_a_reason_is_one_short_line_of_plain_text_whatever_an_error_says() {
        let wild = format!("a\u{1b}[31m\nforged\u{202e}{}", "x".repeat(100_000));
        for reason in [Reason::lasting(&wild), Reason::passing(&wild)] {
            assert!(reason.text.starts_with(r"a\u{1b}[31m\nforged\u{202e}x"));
            assert_eq!(reason.text.len(), MAX_REASON);
        }
    }

    #[test]
    fn what_is_the_hosts_own_trouble_passes_and_the_packages_fault_does_not() {
        let io = PackageError::Io {
            file: "app.toml".to_owned(),
            error: std::io::Error::other("too many open files"),
        };
        let passing = [
            Reason::from(io),
            LoadError::Compiler("it can't be started".to_owned()).into(),
            LoadError::Interrupted("it was killed".to_owned()).into(),
            LoadError::NotNow("it took longer than 5 s".to_owned()).into(),
        ];
        for reason in passing {
            assert!(reason.passes, "{reason:?}");
            assert!(
                reason.text.ends_with("; the host tries again"),
                "{reason:?}"
            );
        }
        let lasting = [
            Reason::from(PackageError::NotText),
            LoadError::Compile("it nests types".to_owned()).into(),
            LoadError::Start("it traps".to_owned()).into(),
        ];
        for reason in lasting {
            assert!(!reason.passes, "{reason:?}");
        }
    }
}
