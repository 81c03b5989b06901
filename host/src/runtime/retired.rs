//! Pages of versions that serve no more, kept for the portals that were shown them.
//!
//! A page may ask for its files long after it began, as a module that is loaded when it is needed. Kept are the files
//! alone, until the last session has ended that saw them, and never more than the bounds below: beyond them what nobody
//! needs goes first, then what was retired first, of the app itself or of the app that keeps most bytes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::package::Page;
use crate::model::{Slug, UnixMillis};

/// Most pages of one app.
const MAX_PAGES_OF_APP: usize = 16;
/// Most bytes of all pages.
const MAX_BYTES: usize = 128 * 1024 * 1024;
/// How long a page is kept in any case: a request that found it while it served may still be noting who was shown it.
const LEAST: Duration = Duration::from_secs(10);

/// The pages that serve no more, the first retired first.
#[derive(Debug, Default)]
pub(super) struct Retired(Vec<Old>);

#[derive(Debug)]
struct Old {
    slug: Slug,
    page: Arc<Page>,
    retired_at: UnixMillis,
    bytes: usize,
}

impl Old {
    fn is_needed(&self, now: UnixMillis) -> bool {
        self.page.needed_until() > now || self.retired_at.plus(LEAST) > now
    }
}

impl Retired {
    /// Takes over the page of a version that is about to be replaced.
    pub(super) fn add(&mut self, slug: &Slug, page: &Arc<Page>, now: UnixMillis) {
        self.sweep(now);
        if let Some(at) = self.position(slug, page.digest()) {
            // It served before, and again.
            let before = self.0.remove(at);
            page.is_needed_until(before.page.needed_until());
        }
        self.0.push(Old {
            slug: slug.clone(),
            page: Arc::clone(page),
            retired_at: now,
            bytes: page.files().bytes(),
        });
        let of_app = || self.0.iter().filter(|old| old.slug == *slug).count();
        if of_app() > MAX_PAGES_OF_APP
            && let Some(first) = self.0.iter().position(|old| old.slug == *slug)
        {
            self.0.remove(first);
        }
        while self.bytes() > MAX_BYTES {
            self.let_go_of_the_largest_apps_first();
        }
    }

    /// The page of that app and digest, while a session needs it.
    pub(super) fn find(&self, slug: &Slug, digest: &str, now: UnixMillis) -> Option<Arc<Page>> {
        let old = self.0.get(self.position(slug, digest)?)?;
        old.is_needed(now).then(|| Arc::clone(&old.page))
    }

    /// Lets go of every page of an app.
    pub(super) fn forget(&mut self, slug: &Slug) {
        self.0.retain(|old| old.slug != *slug);
    }

    /// Lets go of what nobody needs any more.
    pub(super) fn sweep(&mut self, now: UnixMillis) {
        self.0.retain(|old| old.is_needed(now));
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|old| old.bytes).sum()
    }

    /// An app whose pages are many or large loses its own, and no other's.
    fn let_go_of_the_largest_apps_first(&mut self) {
        let mut bytes: BTreeMap<&Slug, usize> = BTreeMap::new();
        for old in &self.0 {
            *bytes.entry(&old.slug).or_default() += old.bytes;
        }
        let largest = bytes.into_iter().max_by_key(|(_, bytes)| *bytes);
        let slug = largest.map(|(slug, _)| slug.clone());
        let first = self
            .0
            .iter()
            .position(|old| Some(&old.slug) == slug.as_ref());
        self.0.remove(first.unwrap_or(0));
    }

    fn position(&self, slug: &Slug, digest: &str) -> Option<usize> {
        let is_it = |old: &Old| old.page.digest() == digest && old.slug == *slug;
        self.0.iter().position(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::package::Package;
    use crate::runtime::testing::{NOW, lay};

    fn slug() -> Slug {
        Slug::parse("kyc").unwrap()
    }

    /// The pages of as many versions.
    fn pages(count: usize) -> Vec<Arc<Page>> {
        let folder = tempfile::tempdir().unwrap();
        let page = |number: usize| {
            let package = lay(
                folder.path(),
                "kyc",
                &format!("developer = \"{number}\""),
                b"",
            );
            Arc::clone(Package::read(&package).unwrap().page())
        };
        (0..count).map(page).collect()
    }

    #[test]
    fn a_page_is_kept_until_the_last_session_that_saw_it_has_ended() {
        let (mut retired, pages) = (Retired::default(), pages(1));
        let end = NOW.plus(Duration::from_mins(15));
        pages[0].is_needed_until(end);
        pages[0].is_needed_until(NOW.plus(Duration::from_mins(3)));
        retired.add(&slug(), &pages[0], NOW);
        let digest = pages[0].digest();
        let just_before = end.minus(Duration::from_millis(1));
        assert!(retired.find(&slug(), digest, just_before).is_some());
        assert!(retired.find(&slug(), digest, end).is_none());
        assert!(retired.find(&slug(), "other", NOW).is_none());
        let other = Slug::parse("other").unwrap();
        assert!(retired.find(&other, digest, NOW).is_none());
        retired.sweep(end);
        assert!(retired.0.is_empty());
    }

    #[test]
    fn a_page_that_nobody_saw_is_soon_let_go() {
        let (mut retired, pages) = (Retired::default(), pages(1));
        retired.add(&slug(), &pages[0], NOW);
        let digest = pages[0].digest();
        assert!(retired.find(&slug(), digest, NOW).is_some());
        assert!(retired.find(&slug(), digest, NOW.plus(LEAST)).is_none());
    }

    #[test]
    fn a_version_that_comes_again_is_kept_once_and_as_long_as_before() {
        let (mut retired, first) = (Retired::default(), pages(1));
        let again = pages(1);
        assert_eq!(first[0].digest(), again[0].digest());
        let end = NOW.plus(Duration::from_mins(15));
        first[0].is_needed_until(end);
        retired.add(&slug(), &first[0], NOW);
        retired.add(&slug(), &again[0], NOW);
        assert_eq!(retired.0.len(), 1);
        assert_eq!(again[0].needed_until(), end);
    }

    #[test]
    fn an_app_that_is_replaced_all_the_time_keeps_sixteen_pages() {
        let (mut retired, pages) = (Retired::default(), pages(20));
        for page in &pages {
            page.is_needed_until(NOW.plus(Duration::from_mins(15)));
            retired.add(&slug(), page, NOW);
        }
        assert_eq!(retired.0.len(), MAX_PAGES_OF_APP);
        let kept = |page: &Arc<Page>| retired.find(&slug(), page.digest(), NOW).is_some();
        assert!(!pages[..4].iter().any(kept) && pages[4..].iter().all(kept));
    }
    #[test]
    fn h46_an_app_with_large_pages_loses_its_own_and_no_others() {
        let mut retired = Retired::default();
        let end = NOW.plus(Duration::from_mins(15));
        let pages = pages(1 + MAX_PAGES_OF_APP);
        let other = Slug::parse("other").unwrap();
        for (page, slug) in pages
            .iter()
            .zip([other.clone()].iter().chain(std::iter::repeat(&slug())))
        {
            page.is_needed_until(end);
            retired.add(slug, page, NOW);
            // As if each page of the second app were as large as one may be.
            if let Some(old) = retired.0.last_mut().filter(|old| old.slug != other) {
                old.bytes = MAX_BYTES / 4;
            }
        }
        assert!(retired.find(&other, pages[0].digest(), NOW).is_some());
        assert!(retired.0.len() > 2, "the second app keeps what fits");
        assert!(retired.bytes() <= MAX_BYTES + MAX_BYTES / 4);
    }
}
