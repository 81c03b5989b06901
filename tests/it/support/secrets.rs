//! Looking for a secret in bytes, in every form in which it might have been written down.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::keys::hex;

/// A secret in its forms: plain, hexadecimal, percent-encoded, and base64 of both alphabets at all three alignments.
pub(crate) struct Needle {
    pub(crate) name: &'static str,
    forms: Vec<(String, Vec<u8>)>,
}

impl Needle {
    pub(crate) fn new(name: &'static str, secret: &[u8]) -> Self {
        assert!(
            secret.len() >= 16,
            "{name} is too short to be told from chance"
        );
        let hex = hex(secret.iter().copied());
        // Percent-encoded: every byte, or only those that must be; in both cases of the digits.
        let every: String = hex.as_bytes().chunks(2).map(percent).collect();
        let only: String = secret
            .iter()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    char::from(*byte).to_string()
                }
                other => format!("%{other:02x}"),
            })
            .collect();
        let capitals = only
            .split('%')
            .enumerate()
            .map(|(at, part)| match part.split_at_checked(2) {
                Some((digits, rest)) if at > 0 => format!("%{}{rest}", digits.to_uppercase()),
                _ => part.to_owned(),
            })
            .collect::<String>();
        let mut forms = vec![
            ("percent-encoded".to_owned(), every.clone().into_bytes()),
            (
                "percent-encoded capitals".to_owned(),
                every.to_uppercase().into_bytes(),
            ),
            ("partly percent-encoded".to_owned(), only.into_bytes()),
            (
                "partly percent-encoded capitals".to_owned(),
                capitals.into_bytes(),
            ),
            ("plain".to_owned(), secret.to_vec()),
            ("lower-case hex".to_owned(), hex.clone().into_bytes()),
            ("upper-case hex".to_owned(), hex.to_uppercase().into_bytes()),
        ];
        for before in 0..3 {
            for (alphabet, engine) in [("base64", STANDARD_NO_PAD), ("base64url", URL_SAFE_NO_PAD)]
            {
                let shifted = engine.encode([&vec![0; before], secret].concat());
                // The first and last characters hold bits of the neighbors.
                let whole = (before * 8).div_ceil(6)..(before + secret.len()) * 8 / 6;
                forms.push((
                    format!("{alphabet} at {before}"),
                    shifted[whole].as_bytes().to_vec(),
                ));
            }
        }
        Self { name, forms }
    }

    /// The forms as bytes.
    pub(crate) fn forms(&self) -> impl Iterator<Item = &[u8]> {
        self.forms.iter().map(|(_, bytes)| bytes.as_slice())
    }

    /// The form in which the secret stands in `haystack`.
    pub(crate) fn find(&self, haystack: &[u8]) -> Option<&str> {
        let found = self.forms.iter().find(|(_, form)| contains(haystack, form));
        found.map(|(name, _)| name.as_str())
    }

    /// Asserts that it stands nowhere in there.
    #[track_caller]
    pub(crate) fn assert_not_in(&self, place: &str, haystack: &[u8]) {
        if let Some(form) = self.find(haystack) {
            panic!("{} stands in {place} as {form}", self.name);
        }
    }
}

fn percent(digits: &[u8]) -> String {
    format!("%{}", String::from_utf8_lossy(digits))
}

/// Whether `form` stands in `haystack`. Looks for the first byte first, which is much faster than comparing windows.
fn contains(haystack: &[u8], form: &[u8]) -> bool {
    let Some((first, rest)) = form.split_first() else {
        return false;
    };
    let mut tail = haystack;
    while let Some(at) = tail.iter().position(|byte| byte == first) {
        tail = &tail[at + 1..];
        if tail.starts_with(rest) {
            return true;
        }
    }
    false
}

/// Every file below a folder with its content.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).expect("a file")));
        }
    }
    found
}

#[test]
fn a_secret_is_found_in_every_form_and_at_every_alignment() {
    let secret = b"blnk_canary_0123456789?>\xff";
    let needle = Needle::new("canary", secret);
    for before in 0..7 {
        let near = [&vec![b'x'; before], secret.as_slice(), b"and more"].concat();
        let hex = hex(near.iter().copied());
        for text in [
            near.clone(),
            hex.clone().into_bytes(),
            hex.to_uppercase().into_bytes(),
            STANDARD_NO_PAD.encode(&near).into_bytes(),
            URL_SAFE_NO_PAD.encode(&near).into_bytes(),
            hex.as_bytes()
                .chunks(2)
                .map(percent)
                .collect::<String>()
                .into_bytes(),
            b"x=blnk_canary_0123456789%3f%3e%ff".to_vec(),
            b"x=blnk_canary_0123456789%3F%3E%FF".to_vec(),
        ] {
            assert!(
                needle.find(&text).is_some(),
                "{before}: {}",
                String::from_utf8_lossy(&text)
            );
        }
    }
    assert_eq!(needle.find(b"blnk_canary_0123456789?>"), None);
}
