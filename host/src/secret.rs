//! Keys and signatures: API keys in memory, the keyring that seals them, and the signer of tokens.
//!
//! Knows ids, not installs, databases or HTTP. Every type that holds a secret prints as `[redacted]`, and is
//! wiped when dropped. Formats and test vectors: a sealed blob in [`sealed`], tokens in [`token`].

pub mod api_key;
pub mod keyring;
pub mod list;
mod names;
pub mod provider;
mod purpose;
pub mod sealed;
pub mod token;

pub use api_key::{ApiKey, InvalidApiKey};
pub use keyring::{DataKey, FingerprintKey, Keyring, NoneGranted, UseBatch, UsePermit};
pub use list::{InvalidKeyList, SecretList};
pub use names::random_hex;
pub use provider::{ConfiguredKeys, KeyProvider, ProviderError};
pub use sealed::{CanNotOpen, KeyOwner, SealedBlob};
pub use token::{
    IssuedSession, LaunchClaims, LaunchToken, PortalSession, SessionId, Signer, TokenError,
    VerifiedLaunch,
};

/// Fills an array from the operating system's random source.
///
/// # Panics
///
/// Where the operating system has none: such a computer can keep no secret, and going on would be worse.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0_u8; N];
    #[expect(
        clippy::expect_used,
        clippy::disallowed_methods,
        reason = "randomness is read here, and without random bytes no secret can be made; going on would be worse"
    )]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Fills a buffer of any length, as [`random_bytes`] does an array.
///
/// # Panics
///
/// Where the operating system has no random bytes.
pub fn fill_random(buffer: &mut [u8]) {
    #[expect(
        clippy::expect_used,
        clippy::disallowed_methods,
        reason = "as for random_bytes"
    )]
    getrandom::fill(buffer).expect("the operating system gives random bytes");
}

/// An unguessable name of 32 random bytes as 43 characters of base64url: the secret part of an address.
pub fn random_name() -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random_bytes::<32>())
}
