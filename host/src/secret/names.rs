//! Names of requests and calls in the log: random, and made once or twice a request.

use std::cell::RefCell;

use zeroize::Zeroize as _;

use super::fill_random;

/// Bytes that are taken from the operating system at once: asking it takes longer than all the rest.
const STOCK: usize = 512;

/// Random bytes of one thread that were given to nobody yet.
struct Stock {
    bytes: [u8; STOCK],
    left: usize,
}

thread_local! {
    static OURS: RefCell<Stock> = const { RefCell::new(Stock { bytes: [0; STOCK], left: 0 }) };
}

impl Stock {
    /// The next bytes, which no longer lie here afterwards.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        if self.left < N {
            fill_random(&mut self.bytes);
            self.left = STOCK;
        }
        let mut taken = [0; N];
        let end = self.left;
        self.left -= N;
        if let Some(bytes) = self.bytes.get_mut(self.left..end) {
            taken.copy_from_slice(bytes);
            bytes.zeroize();
        }
        taken
    }
}

/// `N` random bytes as hexadecimal digits: unique, and nothing can be guessed from it. At most 64 bytes. For names that are
/// shown, never for keys.
///
/// # Panics
///
/// Where the operating system has no random bytes.
pub fn random_hex<const N: usize>() -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    const { assert!(N <= 64, "names are short") };
    let bytes = OURS.with_borrow_mut(Stock::take::<N>);
    let mut text = String::with_capacity(2 * N);
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            text.push(
                DIGITS
                    .get(usize::from(half))
                    .copied()
                    .unwrap_or(b'0')
                    .into(),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_lower_case_hex_and_never_the_same() {
        let names: BTreeSet<String> = (0..1000).map(|_| random_hex::<12>()).collect();
        assert_eq!(names.len(), 1000);
        for name in &names {
            assert_eq!(name.len(), 24);
            assert!(name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        }
    }

    #[test]
    fn what_was_given_out_no_longer_lies_in_the_stock() {
        let mut stock = Stock {
            bytes: [0; STOCK],
            left: 0,
        };
        let taken = stock.take::<32>();
        assert_ne!(taken, [0; 32]);
        assert_eq!(stock.left, STOCK - 32);
        assert!(stock.bytes.iter().skip(stock.left).all(|byte| *byte == 0));
        while stock.left >= 32 {
            stock.take::<32>();
        }
        assert_ne!(stock.take::<32>(), [0; 32]);
    }
}
