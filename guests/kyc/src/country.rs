//! Which country a text names: codes, English names and adjectives.

/// One country a line: alpha-2, alpha-3, then names and adjectives between bars.
const COUNTRIES: &str = include_str!("countries.txt");

/// A country that texts are compared with: by its codes where its name is known, else by its name as it is written.
#[derive(Debug)]
pub(crate) struct Country {
    plain: String,
    codes: Vec<&'static str>,
}

impl Country {
    /// The country of a code or a name. Adjectives that fit two countries ("Korean") stand for both.
    pub(crate) fn parse(text: &str) -> Self {
        let plain = plain(text);
        let codes = codes(&plain);
        Self { plain, codes }
    }

    /// Whether both may be the same country: here a needless look costs less than a missed one.
    fn may_be(&self, other: &Self) -> bool {
        let same_name = !self.plain.is_empty() && self.plain == other.plain;
        same_name || self.codes.iter().any(|code| other.codes.contains(code))
    }
}

/// The first of some countries that a text, such as an identity's nationality, names.
///
/// A text that names no country as a whole is tried in parts, since people have two nationalities.
pub(crate) fn first_named<'list>(
    text: &str,
    countries: &'list [Country],
) -> Option<&'list Country> {
    let find = |named: &Country| countries.iter().find(|country| country.may_be(named));
    let whole = Country::parse(text);
    if let Some(country) = find(&whole) {
        return Some(country);
    }
    if !whole.codes.is_empty() {
        return None;
    }
    text.split([',', ';', '/', '&', '|', '(', ')'])
        .flat_map(|part| part.split(" and "))
        .find_map(|part| find(&Country::parse(part)))
}

/// The alpha-2 codes of the countries that a plain text may name.
fn codes(wanted: &str) -> Vec<&'static str> {
    let Some(first) = wanted.bytes().next() else {
        return Vec::new();
    };
    // Most names differ in their first byte: reading all of each made this the slowest part of a detail.
    let may_fit = |name: &&str| {
        name.bytes()
            .next()
            .is_some_and(|byte| byte.eq_ignore_ascii_case(&first))
    };
    let fits = |name: &str| letters(name).eq(wanted.chars());
    COUNTRIES
        .lines()
        .filter(|line| line.split('|').filter(may_fit).any(fits))
        .filter_map(|line| line.split('|').next())
        .collect()
}

/// Letters and digits alone, in lower case, without a leading "the".
fn plain(text: &str) -> String {
    let text = text.trim().to_lowercase();
    letters(text.strip_prefix("the ").unwrap_or(&text)).collect()
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names(text: &str, country: &str) -> bool {
        first_named(text, &[Country::parse(country)]).is_some()
    }

    #[test]
    fn codes_names_and_adjectives_name_a_country() {
        for (text, country) in [
            ("KP", "KP"),
            ("prk", "KP"),
            ("North Korea", "KP"),
            ("Democratic People's Republic of Korea", "North Korea"),
            ("Korean", "KP"),
            ("the Netherlands", "NLD"),
            ("U.S.A.", "US"),
            ("Côte d'Ivoire", "CI"),
            ("British / Iranian", "IR"),
            ("US,IR", "Iran"),
            ("Atlantis", "atlantis"),
        ] {
            assert!(names(text, country), "{text} should name {country}");
        }
    }

    #[test]
    fn other_countries_are_not_named() {
        for (text, country) in [
            ("South Korea", "KP"),
            ("Korea, Republic of", "KP"),
            ("Nigeria", "NE"),
            ("Irish", "IR"),
            ("Iraq", "IR"),
            ("", "IR"),
            ("IR", ""),
            ("Oman", "Romania"),
            ("Atlantis", "IR"),
        ] {
            assert!(!names(text, country), "{text} should not name {country}");
        }
    }

    #[test]
    fn the_table_is_well_formed() {
        let mut seen = BTreeSet::new();
        for line in COUNTRIES.lines() {
            let columns: Vec<_> = line.split('|').collect();
            assert!(columns.len() >= 3, "{line}");
            assert_eq!((columns[0].len(), columns[1].len()), (2, 3), "{line}");
            assert!(
                seen.insert(columns[0]) && seen.insert(columns[1]),
                "{line} is twice there"
            );
            assert!(
                columns
                    .iter()
                    .all(|name| name.starts_with(char::is_alphabetic)),
                "{line}"
            );
        }
        assert!(seen.len() / 2 >= 195);
    }
}
