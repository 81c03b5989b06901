//! Calendar dates: reading birthdays, counting years, writing times.
//!
//! Small enough to own: a date library would be a good part of the component, which is compiled again on every host.

/// Milliseconds in a day.
const DAY: u64 = 86_400_000;

/// A day of the proleptic Gregorian calendar. Later days compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// A day that exists, with a year from 1 to 9999.
    pub(crate) fn new(year: i64, month: i64, day: i64) -> Option<Self> {
        ((1..=9999).contains(&year) && (1..=days_in_month(year, month)).contains(&day))
            .then_some(Self { year, month, day })
    }

    /// Reads `1990-01-31`, alone or at the start of a timestamp. The day is taken as written, whatever the offset: a birthday has
    /// no time zone.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.trim().split_at_checked(10)?;
        if !(rest.is_empty() || rest.starts_with(['T', 't', ' '])) {
            return None;
        }
        let mut parts = date.split('-');
        let mut number = |length: usize| {
            parts
                .next()
                .filter(|part| part.len() == length && part.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|part| part.parse().ok())
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        Self::new(year, month, day)
    }

    /// Whether this is the day of the zero time, which stands for "unset".
    pub(crate) fn is_zero(self) -> bool {
        self.year == 1
    }

    /// The day, in UTC, of a time in milliseconds since the Unix epoch.
    pub(crate) fn of_milliseconds(milliseconds: u64) -> Self {
        // From days to a date, after Howard Hinnant's "chrono-compatible low-level date algorithms": years begin in March, so that
        // the leap day comes last, and are counted in eras of 400.
        let days = i64::try_from(milliseconds / DAY).unwrap_or(i64::MAX / 2) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day }
    }

    /// Full years from this day to another; negative where it has not come yet. Someone born on 29 February is a year older on
    /// 1 March of a common year.
    pub(crate) fn years_until(self, other: Self) -> i64 {
        let years = other.year - self.year;
        if (other.month, other.day) < (self.month, self.day) {
            years - 1
        } else {
            years
        }
    }

    /// `1990-01-31`.
    pub(crate) fn to_text(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A time as RFC 3339 text in UTC, to the second.
pub(crate) fn rfc3339(milliseconds: u64) -> String {
    let seconds = milliseconds % DAY / 1000;
    format!(
        "{}T{:02}:{:02}:{:02}Z",
        Date::of_milliseconds(milliseconds).to_text(),
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Zero for a month that does not exist.
fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn dates_are_read_alone_and_from_timestamps() {
        let expected = Date::new(1990, 1, 31).unwrap();
        for text in [
            "1990-01-31",
            " 1990-01-31 ",
            "1990-01-31T00:00:00Z",
            "1990-01-31T23:59:59.123456789-11:00",
            "1990-01-31 10:00:00",
        ] {
            assert_eq!(Date::parse(text), Some(expected), "{text}");
        }
        assert!(date("0001-01-01T00:00:00Z").is_zero());
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "1990",
            "31.01.1990",
            "1990-02-29",
            "1990-13-01",
            "1990-00-10",
            "1990-1-010",
            "+990-01-01",
            "1990-01-311",
            "0000-01-01",
            "1990-01-3é",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        assert!(Date::parse("2000-02-29").is_some());
        assert!(Date::parse("1900-02-29").is_none());
    }

    #[test]
    fn a_birthday_counts_on_its_day_and_not_before() {
        let born = date("2008-11-20");
        assert_eq!(born.years_until(date("2026-11-19")), 17);
        assert_eq!(born.years_until(date("2026-11-20")), 18);
        assert_eq!(born.years_until(date("2026-11-21")), 18);
        assert_eq!(born.years_until(date("2008-11-19")), -1);
    }

    #[test]
    fn a_leap_day_birthday_counts_on_the_first_of_march() {
        let born = date("2008-02-29");
        assert_eq!(born.years_until(date("2026-02-28")), 17);
        assert_eq!(born.years_until(date("2026-03-01")), 18);
        assert_eq!(born.years_until(date("2028-02-29")), 20);
    }

    #[test]
    fn times_become_dates() {
        for (milliseconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (86_399_999, "1970-01-01T23:59:59Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (951_868_800_000, "2000-03-01T00:00:00Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(milliseconds), text);
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut previous = Date::of_milliseconds(0);
        for day in 1..146_097 {
            let next = Date::of_milliseconds(day * DAY);
            let expected = Date::new(previous.year, previous.month, previous.day + 1)
                .or_else(|| Date::new(previous.year, previous.month + 1, 1))
                .or_else(|| Date::new(previous.year + 1, 1, 1));
            assert_eq!(Some(next), expected);
            previous = next;
        }
    }
}
