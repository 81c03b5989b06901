//! Amounts as JSON writes them, exact: two texts are the same amount or they are not, whatever their size.

/// A number that is not negative, `digits` × 10^`exponent`, in one form only: `digits` ends in no zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    digits: u128,
    exponent: i32,
}

impl Decimal {
    pub(super) const fn from_integer(digits: u128) -> Self {
        Self::normal(digits, 0)
    }

    const fn normal(mut digits: u128, mut exponent: i32) -> Self {
        if digits == 0 {
            exponent = 0;
        }
        while digits != 0 && digits.is_multiple_of(10) {
            digits /= 10;
            exponent = exponent.saturating_add(1);
        }
        Self { digits, exponent }
    }

    /// Reads a number of JSON (RFC 8259, section 6). None where it is something else, is negative, or has more digits
    /// than fit: that is compared with nothing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (number, power) = match text.split_once(['e', 'E']) {
            Some((number, power)) => (number, power.parse::<i16>().ok()?),
            None => (text, 0),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let mut digits: u128 = 0;
        for byte in whole.bytes().chain(part.bytes()) {
            let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
            digits = digits.checked_mul(10)?.checked_add(digit.into())?;
        }
        let places = i32::try_from(part.len()).ok()?;
        (!whole.is_empty()).then(|| Self::normal(digits, i32::from(power) - places))
    }

    pub(super) fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// The product, where it fits.
    pub(super) fn times(self, other: Self) -> Option<Self> {
        let digits = self.digits.checked_mul(other.digits)?;
        Some(Self::normal(
            digits,
            self.exponent.checked_add(other.exponent)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_amount_has_one_form_however_it_is_written() {
        for group in [
            vec!["10.5", "10.50", "105e-1", "1.05E1", "1.05e+1", "10.500000"],
            vec!["0", "0.0", "0e5", "0.000e-7"],
            vec!["100", "1e2", "100.0", "0.1e3"],
        ] {
            let first = Decimal::parse(group[0]).unwrap();
            for text in group {
                assert_eq!(Decimal::parse(text), Some(first), "{text}");
            }
        }
        // The next machine number is the same one for both.
        let large = ["9007199254740993", "9007199254740992"].map(Decimal::parse);
        assert_ne!(large[0], large[1]);
        let longer = ["123456789012345678901", "123456789012345678902"].map(Decimal::parse);
        assert!(longer[0].is_some() && longer[0] != longer[1]);
    }

    #[test]
    fn what_is_no_amount_or_does_not_fit_is_compared_with_nothing() {
        let long = "9".repeat(40);
        for text in [
            "", "-1", "\"1\"", "null", "true", "[1]", "1e99999", ".", &long,
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        let most = Decimal::from_integer(u128::MAX);
        assert_eq!(most.times(Decimal::from_integer(7)), None);
    }

    #[test]
    fn products_are_exact() {
        let [amount, unit] = ["100.5", "100"].map(|text| Decimal::parse(text).unwrap());
        assert_eq!(amount.times(unit), Decimal::parse("10050"));
    }
}
