//! What the fuzz targets in `tests/fuzz` call: one function a target, each with what must hold whatever comes in. Their
//! seeds are replayed by this module's test, so that neither can rot.
//!
//! Every function panics where something does not hold; that is how a fuzzer learns of it.
#![cfg_attr(
    not(test),
    expect(
        clippy::missing_panics_doc,
        reason = "they are made to panic, see above"
    )
)]

use std::sync::LazyLock;

use crate::install::Event;
use crate::model::{AppId, InstallId, InstanceId, UnixMillis};
#[cfg(feature = "sandbox")]
use crate::runtime::guest_headers as headers;
use crate::secret::{Keyring, LaunchClaims, SealedBlob, SecretList, SessionId, Signer};

#[cfg(not(feature = "sandbox"))]
#[path = "runtime/guest/headers.rs"]
mod headers;

const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);
const PLACE: [&str; 3] = ["installs", "api_key", "instapp_1"];

/// The input as it is, or as changes to something sound: a byte that says which, then pairs of position and byte, and
/// what is left over at the end.
fn altered(sound: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    let mut changes = data.chunks_exact(2);
    for change in &mut changes {
        let [position, byte] = *change else { continue };
        match bytes.get_mut(usize::from(position)) {
            Some(place) => *place = byte,
            None => bytes.push(byte),
        }
    }
    if let [cut] = *changes.remainder() {
        bytes.truncate(usize::from(cut));
    }
    bytes
}

struct Tokens {
    signer: Signer,
    launch: String,
    session: String,
}

static TOKENS: LazyLock<Option<Tokens>> = LazyLock::new(|| {
    let signer = Signer::new(SecretList::parse('s', &SecretList::generate('s', 1)).ok()?);
    let claims = LaunchClaims {
        app: AppId::parse("app_1").ok()?,
        install: InstallId::parse("instapp_1").ok()?,
        instance: InstanceId::parse("instance_1").ok()?,
        user: None,
        generation: 1,
    };
    let launch = signer.issue_launch(&claims, NOW).as_str().to_owned();
    let verified = signer.verify_launch(&launch, NOW).ok()?;
    let session = signer
        .issue_session(&verified, NOW, std::time::Duration::from_mins(15))
        .cookie_value()
        .to_owned();
    Some(Tokens {
        signer,
        launch,
        session,
    })
});

/// Tokens: nothing is taken but the very text that was issued, for what it was issued.
pub fn token(data: &[u8]) {
    let (Some(tokens), Some((kind, data))) = (TOKENS.as_ref(), data.split_first()) else {
        return;
    };
    let bytes = match kind % 3 {
        0 => data.to_vec(),
        1 => altered(tokens.launch.as_bytes(), data),
        _ => altered(tokens.session.as_bytes(), data),
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return;
    };
    let launch = tokens.signer.verify_launch(text, NOW);
    assert_eq!(launch.is_ok(), text == tokens.launch, "{text}");
    assert!(tokens.signer.verify_launch_any_age(text, NOW).is_ok() == launch.is_ok());
    let session = tokens.signer.verify_session(text, NOW);
    assert_eq!(session.is_ok(), text == tokens.session, "{text}");
    let _ = SessionId::parse(text);
}

static SEALED: LazyLock<Option<(Keyring, SealedBlob)>> = LazyLock::new(|| {
    let roots = SecretList::parse('k', &SecretList::generate('k', 1)).ok()?;
    let keyring = Keyring::new(roots).ok()?;
    keyring.grant(keyring.newest_id(), 1);
    let blob = keyring.permit().ok()?.seal_value(&PLACE, b"blnk_test_key");
    Some((keyring, blob))
});

/// Sealed blobs: nothing opens but the very bytes that were sealed.
pub fn sealed(data: &[u8]) {
    let (Some((keyring, sound)), Some((kind, data))) = (SEALED.as_ref(), data.split_first()) else {
        return;
    };
    let bytes = if kind % 2 == 0 {
        data.to_vec()
    } else {
        altered(sound.as_bytes(), data)
    };
    let blob = SealedBlob::from_stored(bytes);
    let _ = blob.key_id();
    let opened = keyring.open_value(&PLACE, &blob);
    assert_eq!(opened.is_ok(), blob == *sound);
    assert!(
        keyring
            .open_value(&["installs", "api_key", "instapp_2"], &blob)
            .is_err()
    );
}

/// Events: a header, a NUL, and a body. Whatever is refused is refused in a short sentence that does not repeat it.
pub fn event(data: &[u8]) {
    let (header, body) = match data.iter().position(|byte| *byte == 0) {
        Some(end) => {
            let (header, rest) = data.split_at(end);
            (
                std::str::from_utf8(header).ok(),
                rest.get(1..).unwrap_or_default(),
            )
        }
        None => (None, data),
    };
    match Event::parse(body, header) {
        Ok(event) => {
            // The same again, and no key in what may be logged.
            assert!(Event::parse(body, header).is_ok());
            assert!(format!("{event:?}").len() < 128 * 1024);
        }
        Err(error) => {
            let sentence = error.to_string();
            assert!(
                sentence.len() < 400 && !sentence.contains(char::is_control),
                "{sentence}"
            );
        }
    }
}

/// The path policy: a byte for the function, then words, each ended by a line feed.
pub fn cloud_path(data: &[u8]) {
    let Some((function, words)) = data.split_first() else {
        return;
    };
    let words: Vec<String> = words
        .split(|byte| *byte == b'\n')
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    crate::cloud::fuzzing::check_address(*function, &words);
}

/// The headers of a guest's answer: lines of a name, a NUL and a value.
pub fn guest_headers(data: &[u8]) {
    let given: Vec<(String, String)> = data
        .split(|byte| *byte == b'\n')
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .map(|line| {
            let (name, value) = line.split_once('\0').unwrap_or((&line, ""));
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let Ok(allowed) = headers::allowed(given.clone()) else {
        return;
    };
    assert!(given.len() <= 64 && allowed.len() <= 5);
    for (index, (name, value)) in allowed.iter().enumerate() {
        assert!(
            [
                "content-type",
                "content-language",
                "etag",
                "last-modified",
                "content-disposition"
            ]
            .contains(&name.as_str())
        );
        assert!(
            allowed
                .iter()
                .skip(index + 1)
                .all(|(other, _)| other != name)
        );
        assert!(reqwest::header::HeaderValue::from_str(value).is_ok());
        assert!(!value.contains(char::is_control) || value.contains('\t'));
        assert!(
            given
                .iter()
                .any(|(other, kept)| other.eq_ignore_ascii_case(name) && kept == value)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Target = fn(&[u8]);

    const TARGETS: [(&str, Target); 5] = [
        ("cloud_path", cloud_path),
        ("event", event),
        ("guest_headers", guest_headers),
        ("sealed", sealed),
        ("token", token),
    ];

    fn names(folder: &std::path::Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.trim_end_matches(".rs").to_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn the_seeds_of_every_fuzz_target_hold() {
        let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz");
        let known = TARGETS.map(|(name, _)| name);
        assert_eq!(names(&fuzz.join("fuzz_targets")), known);
        assert_eq!(names(&fuzz.join("seeds")), known);
        for (name, target) in TARGETS {
            let folder = fuzz.join("seeds").join(name);
            let seeds = names(&folder);
            assert!(seeds.len() >= 3, "{name} has {} seeds", seeds.len());
            for seed in seeds {
                target(&std::fs::read(folder.join(seed)).unwrap());
            }
        }
    }

    #[test]
    fn the_targets_get_past_the_first_check() {
        let tokens = TOKENS.as_ref().unwrap();
        assert!(tokens.signer.verify_launch(&tokens.launch, NOW).is_ok());
        assert!(tokens.signer.verify_session(&tokens.session, NOW).is_ok());
        let (keyring, blob) = SEALED.as_ref().unwrap();
        assert!(keyring.open_value(&PLACE, blob).is_ok());
        assert_eq!(altered(b"abc", &[1, b'x', 9, b'y', 3]), b"axc");
        let check = |function, words: &str| {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            crate::cloud::fuzzing::check_address(function, &words)
        };
        assert!(check(0, "ledgers name_eq") && check(1, "identities idt_1") && check(2, "ledgers"));
        assert!(check(3, "balances bln_1 lineage") && check(4, "timestamp x&instance_id=1"));
        assert!(check(5, "transactions bulk") && check(6, "reconciliation matching-rules r"));
        assert!(check(7, "ano_1") && !check(7, ".."));
    }
}
