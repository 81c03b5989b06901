//! What it costs to verify a token and to open a sealed key (T6), beside the bare cryptography of the same bytes.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench ends by a panic, and prints"
)]

use std::time::Duration;

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use airlock_host::model::{AppId, GrantedScopes, InstallId, InstanceId, UnixMillis};
use airlock_host::secret::{ApiKey, KeyOwner, Keyring, LaunchClaims, SecretList, Signer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use airlock_tests::measure::{Times, heading, line, ratio, shown};

const ROUNDS: usize = 100_000;
const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);
/// T6: a token is verified within this time, 99 times of 100.
const GOAL: Duration = Duration::from_micros(5);

fn main() {
    heading("tokens: verifying a token, opening a sealed key");
    let signer = Signer::new(
        SecretList::parse('s', &SecretList::generate('s', 1)).expect("a list of secrets"),
    );
    let claims = LaunchClaims {
        app: AppId::parse("app_0123456789abcdef").expect("an id"),
        install: InstallId::parse("instapp_0123456789abcdef").expect("an id"),
        instance: InstanceId::parse("instance_0123456789abcdef").expect("an id"),
        user: None,
        generation: 1,
    };
    let token = signer.issue_launch(&claims, NOW);
    let token = token.as_str();
    let launch = signer.verify_launch(token, NOW).expect("a good token");
    let session = signer.issue_session(&launch, NOW, Duration::from_mins(15));
    let cookie = session.cookie_value();
    let bare = BareMac::of(token);

    let (mut launches, mut sessions, mut peer) =
        (Times::default(), Times::default(), Times::default());
    for _ in 0..ROUNDS {
        launches
            .time(|| signer.verify_launch(token, NOW))
            .expect("a good token");
        sessions
            .time(|| signer.verify_session(cookie, NOW))
            .expect("a good cookie");
        assert!(peer.time(|| bare.verify()));
    }
    line(
        &format!("verify a launch token ({} B)", token.len()),
        &launches,
    );
    line(
        &format!("verify a session cookie ({} B)", cookie.len()),
        &sessions,
    );
    line("bare HMAC-SHA-256 over the launch token", &peer);
    println!(
        "→ a launch token costs {:.2} times its HMAC, a session cookie {:.2} times (medians); \
         what is above 1 is decoding, parsing and the checks",
        ratio(&launches, &peer, 50.0),
        ratio(&sessions, &peer, 50.0)
    );
    let p99 = sessions.percentile(99.0).max(launches.percentile(99.0));
    println!(
        "→ T6 asks for 5 µs at p99: {} ({})",
        if p99 <= GOAL { "met" } else { "MISSED" },
        shown(p99)
    );
    sealed();
}

/// A sealed key against the bare cipher over as many bytes.
fn sealed() {
    let keyring = Keyring::new(
        SecretList::parse('k', &SecretList::generate('k', 1)).expect("a list of keys"),
    )
    .expect("a keyring");
    let (install, app, instance) = (
        InstallId::parse("instapp_0123456789abcdef").expect("an id"),
        AppId::parse("app_0123456789abcdef").expect("an id"),
        InstanceId::parse("instance_0123456789abcdef").expect("an id"),
    );
    let granted = GrantedScopes::parse(["data:read", "data:write"]).expect("scopes");
    let owner = KeyOwner {
        install: &install,
        app: &app,
        instance: &instance,
        revision: 1,
        granted: &granted,
    };
    let text = format!("blnk_{}", "0123456789abcdef".repeat(4));
    let key = ApiKey::parse(text.clone().into()).expect("a key");
    // Counting uses is the database's work, and is not measured here.
    keyring.grant(keyring.newest_id(), u64::MAX / 2);
    let seal = || keyring.permit().expect("a counted use").seal(&owner, &key);
    let blob = seal();
    // As many bytes of associated data as the row's own fields have with their lengths.
    let associated = [7_u8; 160];
    let (secret, nonce) = ([9_u8; 32], Nonce::from([3_u8; 12]));
    let payload = Payload {
        msg: text.as_bytes(),
        aad: &associated,
    };
    let sealed = Aes256Gcm::new(&secret.into())
        .encrypt(&nonce, payload)
        .expect("a short text");
    let (mut opening, mut sealing, mut peer) =
        (Times::default(), Times::default(), Times::default());
    for _ in 0..ROUNDS {
        opening
            .time(|| keyring.open(&owner, &blob))
            .expect("a sealed key");
        sealing.time(seal);
        let payload = Payload {
            msg: sealed.as_slice(),
            aad: &associated,
        };
        peer.time(|| Aes256Gcm::new(&secret.into()).decrypt(&nonce, payload))
            .expect("a sealed text");
    }
    line("open a sealed key", &opening);
    line("seal a key (with a fresh nonce)", &sealing);
    line("bare AES-256-GCM over as many bytes", &peer);
    println!(
        "→ opening costs {:.2} times the bare cipher, sealing {:.2} times (medians); what is above 1 is the associated \
         data, and for sealing the operating system's random bytes",
        ratio(&opening, &peer, 50.0),
        ratio(&sealing, &peer, 50.0)
    );
}

/// The signed part of a token with its MAC, and nothing around them.
struct BareMac {
    key: [u8; 32],
    signed: Vec<u8>,
    tag: Vec<u8>,
}

impl BareMac {
    fn of(token: &str) -> Self {
        let (signed, _) = token.rsplit_once('.').expect("a token");
        let key = [5; 32];
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length will do");
        mac.update(signed.as_bytes());
        let tag = mac.finalize().into_bytes().to_vec();
        // The tag of a token is read from its text; here it is there already.
        debug_assert_eq!(URL_SAFE_NO_PAD.encode(&tag).len(), 43);
        Self {
            key,
            signed: signed.as_bytes().to_vec(),
            tag,
        }
    }

    fn verify(&self) -> bool {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length will do");
        mac.update(&self.signed);
        mac.verify_slice(&self.tag).is_ok()
    }
}
