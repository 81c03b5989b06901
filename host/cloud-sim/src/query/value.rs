//! Comparing a stored JSON value with the text of a filter.

use std::cmp::Ordering;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

/// Whether the stored value equals the text. A date without a time means that whole day (UTC).
pub(super) fn same(stored: &Value, wanted: &str) -> bool {
    if let (Some(moment), Ok(day)) = (moment(stored), wanted.parse::<Date>())
        && wanted.len() == 10
    {
        let Some((begin, end)) = whole_day(day) else {
            return false;
        };
        return moment >= begin && moment < end;
    }
    compare(stored, wanted) == Some(Ordering::Equal)
}

/// How the stored value compares with the text: numbers as numbers, times as times, flags as
/// flags, else as strings. `None` when they cannot be compared.
pub(super) fn compare(stored: &Value, wanted: &str) -> Option<Ordering> {
    match stored {
        Value::Number(number) => {
            if let (Some(stored), Ok(wanted)) = (number.as_i64(), wanted.parse::<i64>()) {
                return Some(stored.cmp(&wanted));
            }
            number.as_f64()?.partial_cmp(&wanted.parse().ok()?)
        }
        Value::Bool(flag) => Some(flag.cmp(&wanted.parse().ok()?)),
        Value::String(text) => match (moment(stored), wanted_moment(wanted)) {
            (Some(stored), Some(wanted)) => Some(stored.cmp(&wanted)),
            _ => Some(text.as_str().cmp(wanted)),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn moment(stored: &Value) -> Option<Timestamp> {
    let text = stored.as_str()?;
    // Cheap refusal of the many strings that are no times.
    if text.len() < 20 || text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    text.parse().ok()
}

fn wanted_moment(wanted: &str) -> Option<Timestamp> {
    if wanted.len() == 10 {
        return whole_day(wanted.parse().ok()?).map(|(begin, _)| begin);
    }
    wanted.parse().ok()
}

fn whole_day(day: Date) -> Option<(Timestamp, Timestamp)> {
    let begin = day.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some((begin, begin.checked_add(24.hours()).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_date_alone_means_the_whole_day() {
        assert!(same(&json!("2026-01-05T23:59:59.999Z"), "2026-01-05"));
        assert!(!same(&json!("2026-01-06T00:00:00Z"), "2026-01-05"));
    }

    #[test]
    fn numbers_compare_as_numbers_beyond_what_a_double_can_tell_apart() {
        assert_eq!(
            compare(&json!(9_007_199_254_740_993_i64), "9007199254740992"),
            Some(Ordering::Greater)
        );
        assert_eq!(compare(&json!(9), "10"), Some(Ordering::Less));
        assert_eq!(compare(&json!(1.5), "1.5"), Some(Ordering::Equal));
    }

    #[test]
    fn times_with_different_offsets_compare_as_moments() {
        assert_eq!(
            compare(&json!("2026-01-05T10:00:00+01:00"), "2026-01-05T09:00:00Z"),
            Some(Ordering::Equal)
        );
    }
}
