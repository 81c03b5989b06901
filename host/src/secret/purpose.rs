//! Keys for one purpose each, derived from a root key by HKDF-SHA-256 (RFC 5869), salt `airlock-root-v1`.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

const SALT: &[u8] = b"airlock-root-v1";

/// What a derived key is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// Sealing what is stored.
    Encryption,
    /// Fingerprints of keys and bodies.
    Fingerprint,
    /// Telling own compiled code from anybody else's.
    CompiledCode,
}

impl Purpose {
    fn info(self) -> &'static [u8] {
        match self {
            Self::Encryption => b"airlock-enc-v1",
            Self::Fingerprint => b"airlock-fp-v1",
            Self::CompiledCode => b"airlock-cwasm-v1",
        }
    }
}

/// Derives the 32-byte key for one purpose.
pub(super) fn derive(root: &[u8; 32], purpose: Purpose) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0_u8; 32]);
    #[expect(
        clippy::expect_used,
        reason = "HKDF-SHA-256 fails only for more than 8,160 bytes; this asks for 32"
    )]
    Hkdf::<Sha256>::new(Some(SALT), root)
        .expand(purpose.info(), key.as_mut())
        .expect("32 bytes are within HKDF's range");
    key
}
