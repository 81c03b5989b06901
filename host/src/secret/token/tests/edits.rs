//! T1: no edited token is accepted, of either kind.

use proptest::prelude::*;

use super::*;

/// A token of each kind, and whether a text is taken as one.
struct Kinds {
    signer: Signer,
    launch: String,
    session: String,
}

impl Kinds {
    fn new() -> Self {
        let signer = Signer(Arc::new(ArcSwap::from_pointee(vec![
            key("k2", b"fedcba9876543210fedcba9876543210"),
            key("k1", b"0123456789abcdef0123456789abcdef"),
        ])));
        let mut claims = claims();
        claims.user = Some(UserId::parse("user_1").unwrap());
        let launch = signer.issue_launch(&claims, NOW).as_str().to_owned();
        let verified = signer.verify_launch(&launch, NOW).unwrap();
        let session = signer.issue_session(&verified, NOW, LONGEST_SESSION);
        Self {
            launch,
            session: session.cookie_value().to_owned(),
            signer,
        }
    }

    fn tokens(&self) -> [&str; 2] {
        [&self.launch, &self.session]
    }

    /// Whether anything at all takes it.
    fn takes(&self, text: &str) -> bool {
        self.signer.verify_launch(text, NOW).is_ok()
            || self.signer.verify_launch_any_age(text, NOW).is_ok()
            || self.signer.verify_session(text, NOW).is_ok()
    }

    #[track_caller]
    fn assert_refused(&self, text: &str, what: &str) {
        assert!(!self.takes(text), "{what} was taken: {text}");
    }
}

fn key(name: &str, bytes: &[u8; 32]) -> (String, Zeroizing<Vec<u8>>) {
    (name.to_owned(), Zeroizing::new(bytes.to_vec()))
}

#[test]
fn t1_both_kinds_are_taken_as_what_they_are_and_as_nothing_else() {
    let kinds = Kinds::new();
    assert!(kinds.signer.verify_launch(&kinds.launch, NOW).is_ok());
    assert!(kinds.signer.verify_session(&kinds.session, NOW).is_ok());
    assert!(kinds.signer.verify_session(&kinds.launch, NOW).is_err());
    assert!(kinds.signer.verify_launch(&kinds.session, NOW).is_err());
    assert!(
        kinds
            .signer
            .verify_launch_any_age(&kinds.session, NOW)
            .is_err()
    );
}

#[test]
fn t1_every_edited_bit_is_refused() {
    let kinds = Kinds::new();
    for token in kinds.tokens() {
        for bit in 0..token.len() * 8 {
            let mut bytes = token.to_owned().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // A byte over 127 is no text, so that no caller could hand it in.
            if let Ok(edited) = String::from_utf8(bytes) {
                kinds.assert_refused(&edited, &format!("bit {bit}"));
            }
        }
    }
}

#[test]
fn t1_every_other_character_in_every_place_is_refused() {
    let kinds = Kinds::new();
    for token in kinds.tokens() {
        let (mut edited, mut tried) = (token.to_owned().into_bytes(), 0);
        for at in 0..token.len() {
            let before = edited[at];
            for byte in (0..128).filter(|byte| *byte != before) {
                edited[at] = byte;
                kinds.assert_refused(
                    std::str::from_utf8(&edited).unwrap(),
                    &format!("place {at}"),
                );
                tried += 1;
            }
            edited[at] = before;
        }
        assert_eq!(tried, token.len() * 127);
    }
}

#[test]
fn t1_every_truncation_removal_and_insertion_is_refused() {
    let kinds = Kinds::new();
    for token in kinds.tokens() {
        for at in 0..token.len() {
            kinds.assert_refused(&token[..at], "a beginning");
            if at > 0 {
                kinds.assert_refused(&token[at..], "an end");
            }
            let without = format!("{}{}", &token[..at], &token[at + 1..]);
            // Of two equal neighbors it makes no difference which one goes.
            if without != token {
                kinds.assert_refused(&without, "a removal");
            }
        }
        for at in 0..=token.len() {
            for extra in ["A", ".", "=", "-", " ", "\0", "\n"] {
                let with = format!("{}{extra}{}", &token[..at], &token[at..]);
                kinds.assert_refused(&with, "an insertion");
            }
        }
        kinds.assert_refused(&format!("{token}{}", "A".repeat(1024)), "a long end");
    }
}

#[test]
fn t1_swapped_parts_are_refused() {
    let kinds = Kinds::new();
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (launch, session) = (parts(&kinds.launch), parts(&kinds.session));
    assert_eq!((launch.len(), session.len()), (4, 4));
    // Every mixture of the parts of both but the two themselves, with every key's name.
    for choice in 0..16_u8 {
        for name in ["k1", "k2", "k3", "K2", "k02", "", "k2 "] {
            let mut mixed: Vec<&str> = (0..4)
                .map(|at| {
                    if choice >> at & 1 == 0 {
                        &launch[at]
                    } else {
                        &session[at]
                    }
                    .as_str()
                })
                .collect();
            mixed[1] = name;
            let mixed = mixed.join(".");
            if !kinds.tokens().contains(&mixed.as_str()) {
                kinds.assert_refused(&mixed, "a mixture");
            }
        }
    }
}

/// Signed as it should be, with one field that says something else.
#[test]
fn t1_a_signed_payload_of_another_type_or_issuer_is_refused() {
    let kinds = Kinds::new();
    let of = |kind| {
        payload(
            kind,
            &claims(),
            1_700_000_000,
            LAUNCH_LIFE,
            random_jti(),
            Some(random_jti()),
        )
    };
    let forgeries = [Kind::Launch, Kind::Session].into_iter().flat_map(|kind| {
        let mut typed = of(kind);
        typed.typ = match kind {
            Kind::Launch => Kind::Session.name().to_owned(),
            Kind::Session => Kind::Launch.name().to_owned(),
        };
        let mut issued = of(kind);
        issued.iss = "somebody".to_owned();
        let mut app = of(kind);
        app.app = "an app".to_owned();
        [(kind, typed), (kind, issued), (kind, app)]
    });
    for (kind, payload) in forgeries {
        kinds.assert_refused(&kinds.signer.sign(kind, &payload), "a forgery");
        assert!(kinds.takes(&kinds.signer.sign(kind, &of(kind))), "the twin");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn t1_no_text_at_all_is_taken(text in "\\PC{0,400}", kind in prop_oneof![Just("al1.k1."), Just("as1.k2."), Just("")]) {
        let text = format!("{kind}{text}");
        prop_assert!(!Kinds::new().takes(&text));
    }

    #[test]
    fn t1_no_other_bytes_in_a_token_are_taken(
        which in 0..2_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..128_u8), 1..6),
    ) {
        let kinds = Kinds::new();
        let token = kinds.tokens()[which];
        let mut bytes = token.to_owned().into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let edited = String::from_utf8(bytes).unwrap();
        prop_assume!(edited != token);
        prop_assert!(!kinds.takes(&edited));
    }
}
