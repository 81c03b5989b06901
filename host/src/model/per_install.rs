//! Something kept for each install of an app, for a bounded number of installs.

use std::collections::HashMap;

use super::id::InstallId;

/// Most installs of one app that something is kept for.
pub const MOST: usize = 10_000;

/// What is kept by install.
#[derive(Debug)]
pub struct PerInstall<T>(HashMap<InstallId, T>);

impl<T> Default for PerInstall<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> PerInstall<T> {
    /// What is kept for an install; a new one where there was nothing. Where there is no room, all that is `idle`
    /// makes room; none if nothing is.
    pub fn entry(
        &mut self,
        install: &InstallId,
        new: impl FnOnce() -> T,
        idle: impl Fn(&T) -> bool,
    ) -> Option<&mut T> {
        if !self.0.contains_key(install) {
            if self.0.len() >= MOST {
                self.0.retain(|_, kept| !idle(kept));
            }
            if self.0.len() >= MOST {
                return None;
            }
            self.0.insert(install.clone(), new());
        }
        self.0.get_mut(install)
    }

    /// What is kept for an install, if anything is.
    pub fn get(&self, install: &InstallId) -> Option<&T> {
        self.0.get(install)
    }

    /// What is kept for an install, if anything is.
    pub fn get_mut(&mut self, install: &InstallId) -> Option<&mut T> {
        self.0.get_mut(install)
    }

    /// Forgets an install.
    pub fn remove(&mut self, install: &InstallId) {
        self.0.remove(install);
    }

    /// What is kept, in no order.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.values()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_it_is_full_what_is_idle_makes_room_and_nothing_else() {
        let mut kept: PerInstall<usize> = PerInstall::default();
        let install = |n: usize| InstallId::parse(format!("instapp_{n}")).unwrap();
        for n in 0..MOST {
            assert!(kept.entry(&install(n), || n, |_| true).is_some());
        }
        assert_eq!(kept.entry(&install(MOST), || MOST, |_| false), None);
        let made = kept.entry(&install(MOST), || MOST, |n| *n < 10);
        assert_eq!(made.copied(), Some(MOST));
        assert_eq!((kept.0.len(), kept.get_mut(&install(9))), (MOST - 9, None));
        let same = kept.entry(&install(10), || 0, |_| true);
        assert_eq!(same.copied(), Some(10));
    }
}
