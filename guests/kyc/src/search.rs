//! The list of identities: by status, searched, a page at a time.

use airlock_guest::{
    CloudError, Collection, Filters, Host, Listing, Page, Problem, Request, Scope,
};
use serde_json::{Value, json};

use crate::case::{CaseFile, Decision};
use crate::identity::{Identity, METADATA_KEY, Status, is_id};
use crate::require;
use crate::view::Item;

/// Identities on a page of ours.
const PAGE_SIZE: u32 = 20;
/// Identities that one call to Cloud brings while two searches are merged.
const MERGE_PAGE_SIZE: u32 = 100;
/// Calls for each of the two searches at most; twice this stays under the 32 calls that a portal call has.
const MERGE_PAGES: u32 = 12;
/// Matches of each of the two searches at most: past this nobody wants to page.
const MOST_MATCHES: u64 = 500;
/// Characters of a search at most.
const LONGEST_SEARCH: usize = 200;
/// Far beyond any ledger, and small enough that no product overflows.
const LAST_PAGE: u32 = 1_000_000;

/// What the page asks for.
#[derive(Debug, PartialEq, Eq)]
struct Query {
    /// None is every status.
    status: Option<Status>,
    search: String,
    page: u32,
}

/// One page of identities, and how many there are on all pages.
struct Found {
    identities: Vec<Identity>,
    total: u64,
}

/// Answers `GET identities`.
pub(crate) fn list(host: &impl Host, request: &Request) -> Result<Value, Problem> {
    require(host, Scope::DataRead)?;
    let query = Query::parse(request)?;
    let found = query.find(host)?;
    let mut items = Vec::new();
    for identity in &found.identities {
        let unfinished = CaseFile::load(host, identity.id())?.case.open.is_some();
        items.push(Item::new(identity, unfinished));
    }
    Ok(json!({
        "items": items,
        "page": query.page,
        "page_size": PAGE_SIZE,
        "total": found.total,
        "status": query.status.map_or("all", Status::as_str),
        "q": query.search,
    }))
}

impl Query {
    fn parse(request: &Request) -> Result<Self, Problem> {
        let status = match request.query_value("status").unwrap_or("pending") {
            "all" => None,
            "pending" | "" => Some(Status::Pending),
            word => Some(Decision::parse(word).map(Status::Decided).ok_or_else(|| {
                let detail = "Must be pending, approved, rejected, review or all.";
                Problem::unprocessable(Some("status"), detail)
            })?),
        };
        let search = request.query_value("q").unwrap_or_default().trim();
        if search.chars().count() > LONGEST_SEARCH || search.chars().any(char::is_control) {
            let detail = "Must be at most 200 characters, without control characters.";
            return Err(Problem::unprocessable(Some("q"), detail));
        }
        let page = match request.query_value("page").unwrap_or_default() {
            "" => 1,
            page => page
                .parse()
                .ok()
                .filter(|page| (1..=LAST_PAGE).contains(page))
                .ok_or_else(|| {
                    Problem::unprocessable(Some("page"), "Must be a whole number from 1.")
                })?,
        };
        Ok(Self {
            status,
            search: search.to_owned(),
            page,
        })
    }

    /// An id exactly, else an e-mail address where there is an `@`, else last names and organizations.
    fn find(&self, host: &impl Host) -> Result<Found, Problem> {
        let search = self.search.as_str();
        if search.is_empty() {
            return Ok(self.filter(host, &self.by_status())?);
        }
        if search.starts_with("idt_") && is_id(search) {
            return self.find_by_id(host);
        }
        // A percent sign or underscore in the search is a wildcard here too. Cloud documents no way to escape them, and finding
        // more than was asked for is the better error.
        let pattern = format!("%{search}%");
        if search.contains('@') {
            let filters = self.by_status().ilike("email_address", &pattern);
            return Ok(self.filter(host, &filters)?);
        }
        self.find_by_name(host, &pattern)
    }

    fn find_by_id(&self, host: &impl Host) -> Result<Found, Problem> {
        let found = match Identity::fetch(host, &self.search) {
            Ok(identity) => Some(identity),
            Err(problem) if problem.status() == 404 => None,
            Err(problem) => return Err(problem),
        };
        let identities: Vec<_> = found
            .into_iter()
            .filter(|identity| self.status.is_none_or(|status| identity.status() == status))
            .collect();
        let total = identities.len() as u64;
        Ok(Found {
            identities: self.cut(identities),
            total,
        })
    }

    /// Two filters can't be joined by "or", so both are asked and merged by id.
    ///
    /// Where only one of them finds anything, its own pages are the pages. Where both do, an identity may be in both, so page and
    /// total are only right when all of both are seen.
    fn find_by_name(&self, host: &impl Host, pattern: &str) -> Result<Found, Problem> {
        let people = self.by_status().ilike("last_name", pattern);
        let organizations = self.by_status().ilike("organization_name", pattern);
        let people_found = self.filter(host, &people)?;
        let organizations_found = self.filter(host, &organizations)?;
        if organizations_found.total == 0 {
            return Ok(people_found);
        }
        if people_found.total == 0 {
            return Ok(organizations_found);
        }
        if people_found.total.max(organizations_found.total) > MOST_MATCHES {
            return Err(too_many());
        }
        let mut merged = self.all(host, people_found, &people)?;
        for identity in self.all(host, organizations_found, &organizations)? {
            if merged.iter().all(|known| known.id() != identity.id()) {
                merged.push(identity);
            }
        }
        // Newest first, as Cloud lists them. Its timestamps are all UTC, so their text has their order.
        merged.sort_by_cached_key(|identity| {
            std::cmp::Reverse((identity.created_at(), identity.id().to_owned()))
        });
        let total = merged.len() as u64;
        Ok(Found {
            identities: self.cut(merged),
            total,
        })
    }

    fn by_status(&self) -> Filters {
        let filters = Filters::new();
        match self.status {
            None => filters,
            Some(Status::Pending) => filters.not_exists(&format!("meta_data.{METADATA_KEY}")),
            Some(Status::Decided(decision)) => filters.eq(
                &format!("meta_data.{METADATA_KEY}.status"),
                decision.as_str(),
            ),
        }
    }

    /// Our page of what matches all filters.
    fn filter(&self, host: &impl Host, filters: &Filters) -> Result<Found, CloudError> {
        let page = Page::new(self.page, PAGE_SIZE);
        let listing = fetch(host, filters, page)?;
        Ok(Found {
            total: listing.total,
            identities: listing
                .data
                .into_iter()
                .filter_map(Identity::parse)
                .collect(),
        })
    }

    /// Everything that matches, page by page, unless the page that was found is everything.
    fn all(
        &self,
        host: &impl Host,
        found: Found,
        filters: &Filters,
    ) -> Result<Vec<Identity>, Problem> {
        if self.page == 1 && found.identities.len() as u64 == found.total {
            return Ok(found.identities);
        }
        let mut identities = Vec::new();
        let mut seen = 0;
        for number in 1..=MERGE_PAGES {
            let listing = fetch(host, filters, Page::new(number, MERGE_PAGE_SIZE))?;
            let length = listing.data.len() as u64;
            seen += length;
            identities.extend(listing.data.into_iter().filter_map(Identity::parse));
            // Cloud may give shorter pages than were asked for: only an empty one says that there are no more.
            if length == 0 || seen >= listing.total {
                return Ok(identities);
            }
        }
        Err(too_many())
    }

    /// Our page of a whole list.
    fn cut(&self, identities: Vec<Identity>) -> Vec<Identity> {
        let skipped = (self.page as usize - 1).saturating_mul(PAGE_SIZE as usize);
        identities
            .into_iter()
            .skip(skipped)
            .take(PAGE_SIZE as usize)
            .collect()
    }
}

/// Rather than a total that is not true.
fn too_many() -> Problem {
    let detail = "Too many last names and organizations match. Search for more letters.";
    Problem::unprocessable(Some("q"), detail)
}

fn fetch(host: &impl Host, filters: &Filters, page: Page) -> Result<Listing<Value>, CloudError> {
    let (data, identities) = (host.data(), Collection::Identities);
    if filters.is_empty() {
        data.list(&identities, &[], Some(page))
    } else {
        data.filter(&identities, filters, Some(page))
    }
}
