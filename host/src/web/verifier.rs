//! Whether a call on the addresses that only Cloud knows is signed, over the raw body and before anything is parsed.
//!
//! Cloud signs nothing today, so [`Unsigned`] is the default. Should it begin to, a verifier is the one thing to add.

use std::fmt;
use std::time::Duration;

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::model::UnixMillis;

/// How far a signed time may be from now, in either direction.
const TOLERANCE: Duration = Duration::from_mins(5);
const SIGNATURE: &str = "x-blnk-signature";
const TIMESTAMP: &str = "x-blnk-timestamp";

/// A call was not signed as it must be. Says what is wrong with it, and repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    /// A header is missing or stands twice.
    #[error("its signature or time is missing, or stands twice")]
    Headers,
    /// The time is no number, or too far from now.
    #[error("its signed time is not within five minutes of now")]
    Time,
    /// The signature is of another body, time or secret.
    #[error("its signature does not fit")]
    Signature,
}

/// Answers whether Cloud sent a call.
pub trait EventVerifier: Send + Sync {
    /// Looks at the headers and the body as they came.
    fn verify(&self, headers: &HeaderMap, body: &[u8], now: UnixMillis) -> Result<(), NotVerified>;
}

/// Takes every call: the secret in the address is all there is.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned;

impl EventVerifier for Unsigned {
    fn verify(&self, _: &HeaderMap, _: &[u8], _: UnixMillis) -> Result<(), NotVerified> {
        Ok(())
    }
}

/// As Blnk Core signs its webhooks: `X-Blnk-Signature` is the HMAC-SHA-256, in hexadecimal digits, of
/// `X-Blnk-Timestamp` (seconds since the epoch), a dot, and the body.
pub struct SignedAsCore(SecretString);

impl SignedAsCore {
    /// With the secret that both sides know.
    pub fn new(secret: SecretString) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for SignedAsCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedAsCore([redacted])")
    }
}

impl EventVerifier for SignedAsCore {
    fn verify(&self, headers: &HeaderMap, body: &[u8], now: UnixMillis) -> Result<(), NotVerified> {
        let (signature, time) = (one(headers, SIGNATURE)?, one(headers, TIMESTAMP)?);
        let digits = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: i64 = time.parse().map_err(|_| NotVerified::Time)?;
        let apart = Duration::from_secs(now.seconds().abs_diff(seconds));
        if !digits || apart > TOLERANCE {
            return Err(NotVerified::Time);
        }
        let signature = unhex(signature).ok_or(NotVerified::Signature)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the signature is computed with it"
        )]
        let key = self.0.expose_secret().as_bytes();
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(body);
        // In constant time.
        mac.verify_slice(&signature)
            .map_err(|_| NotVerified::Signature)
    }
}

/// The one value of a header.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, NotVerified> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| NotVerified::Headers),
        _ => Err(NotVerified::Headers),
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0_u8; 32];
    let digits = text.as_bytes();
    if digits.len() != bytes.len() * 2 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const NOW: i64 = 1_800_000_000;
    /// Made by another program:
    /// `printf '%s' '1800000000.{"a":1}' | openssl dgst -sha256 -hmac core-webhook-test-secret`, and the same with
    /// Python's `hmac` module.
    const SIGNED: &str = "cb1cad2d8377be39c439c8ecb4dce633301e23b6d2241427130a4ee8e63c9cc8";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn verify(pairs: &[(&'static str, &str)], body: &[u8], now: i64) -> Result<(), NotVerified> {
        SignedAsCore::new("core-webhook-test-secret".into()).verify(
            &headers(pairs),
            body,
            UnixMillis::new(now * 1000),
        )
    }

    #[test]
    fn what_openssl_signed_passes_for_five_minutes() {
        let pairs = [(SIGNATURE, SIGNED), (TIMESTAMP, "1800000000")];
        for now in [NOW, NOW - 300, NOW + 300] {
            assert_eq!(verify(&pairs, b"{\"a\":1}", now), Ok(()));
        }
        let capitals = SIGNED.to_uppercase();
        let pairs = [(SIGNATURE, capitals.as_str()), (TIMESTAMP, "1800000000")];
        assert_eq!(verify(&pairs, b"{\"a\":1}", NOW), Ok(()));
    }

    #[test]
    fn another_body_time_secret_or_form_does_not_pass() {
        let (good, time) = ((SIGNATURE, SIGNED), (TIMESTAMP, "1800000000"));
        let check = |pairs: &[(&'static str, &str)]| verify(pairs, b"{\"a\":1}", NOW);
        assert_eq!(
            verify(&[good, time], b"{\"a\":2}", NOW),
            Err(NotVerified::Signature)
        );
        assert_eq!(
            verify(&[good, time], b"{\"a\":1}", NOW + 301),
            Err(NotVerified::Time)
        );
        assert_eq!(
            verify(&[good, time], b"{\"a\":1}", NOW - 301),
            Err(NotVerified::Time)
        );
        assert_eq!(
            check(&[good, (TIMESTAMP, "1800000001")]),
            Err(NotVerified::Signature)
        );
        for text in [
            "",
            "+1800000000",
            " 1800000000",
            "1.8e9",
            "1800000000000000000000",
        ] {
            assert_eq!(
                check(&[good, (TIMESTAMP, text)]),
                Err(NotVerified::Time),
                "{text:?}"
            );
        }
        assert_eq!(check(&[good]), Err(NotVerified::Headers));
        assert_eq!(check(&[time]), Err(NotVerified::Headers));
        assert_eq!(check(&[good, good, time]), Err(NotVerified::Headers));
        assert_eq!(check(&[good, time, time]), Err(NotVerified::Headers));
        for cut in 0..SIGNED.len() {
            let cut = (SIGNATURE, &SIGNED[..cut]);
            assert_eq!(check(&[cut, time]), Err(NotVerified::Signature));
        }
        for digit in 0..SIGNED.len() {
            let mut other = SIGNED.as_bytes().to_vec();
            other[digit] = if other[digit] == b'0' { b'1' } else { b'0' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(
                check(&[(SIGNATURE, &other), time]),
                Err(NotVerified::Signature)
            );
        }
        let other = SignedAsCore::new("core-webhook-test-secreT".into());
        let refused = other.verify(
            &headers(&[good, time]),
            b"{\"a\":1}",
            UnixMillis::new(NOW * 1000),
        );
        assert_eq!(refused, Err(NotVerified::Signature));
    }

    #[test]
    fn k8_a_verifier_does_not_print_its_secret() {
        let printed = format!("{:?}", SignedAsCore::new("core-webhook-test-secret".into()));
        assert_eq!(printed, "SignedAsCore([redacted])");
    }
}
