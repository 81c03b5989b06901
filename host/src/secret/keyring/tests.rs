//! What each key of a ring does, before and after a rotation.

use secrecy::ExposeSecret as _;

use super::*;

fn ring(text: &str) -> Keyring {
    let keyring = Keyring::new(SecretList::parse('k', &text.into()).unwrap()).unwrap();
    keyring.grant(keyring.newest_id(), 100);
    keyring
}

fn generated(id: u32) -> String {
    #[expect(clippy::disallowed_methods, reason = "a test key")]
    SecretList::generate('k', id).expose_secret().to_owned()
}

#[test]
fn after_a_rotation_the_newest_key_seals_and_the_old_one_still_opens() {
    let (old, new) = (generated(1), generated(2));
    let place = ["t", "c", "row"];
    let before = ring(&old).permit().unwrap().seal_value(&place, b"text");
    let print = ring(&old).permit().unwrap().fingerprint(b"body");
    let rotated = ring(&format!("{new},{old}"));
    let opened = rotated.open_value(&place, &before).unwrap();
    assert_eq!(opened.as_slice(), b"text");
    let again = rotated.permit().unwrap().seal_value(&place, b"text");
    assert_eq!(again.key_id(), Some(2));
    assert!(again.as_bytes().starts_with(&rotated.newest_header()));
    assert!(rotated.matches_fingerprint(&print, b"body"));
    assert!(!rotated.matches_fingerprint(&print, b"Body"));
    assert_eq!(ring(&new).open_value(&place, &before), Err(CanNotOpen));
}

#[test]
fn a_kept_fingerprint_key_compares_when_its_master_key_is_gone() {
    let (old, new) = (generated(1), generated(2));
    let print = ring(&old).permit().unwrap().fingerprint(b"body");
    let both = ring(&format!("{new},{old}"));
    let keys = both.older_fingerprint_keys();
    assert_eq!(keys.iter().map(FingerprintKey::id).collect::<Vec<_>>(), [1]);
    let sealed = both.permit().unwrap().seal_fingerprint_key(&keys[0]);
    let alone = ring(&new);
    assert!(!alone.can_compare(1) && !alone.matches_fingerprint(&print, b"body"));
    assert_eq!(alone.keep_fingerprint_key(3, &sealed), Err(CanNotOpen));
    alone.keep_fingerprint_key(1, &sealed).unwrap();
    assert!(alone.can_compare(1) && alone.matches_fingerprint(&print, b"body"));
    assert!(!alone.matches_fingerprint(&print, b"Body"));
    // It compares and nothing else.
    let blob = ring(&old).permit().unwrap().seal_value(&["a"], b"text");
    assert_eq!(alone.open_value(&["a"], &blob), Err(CanNotOpen));
    assert_eq!(alone.older_fingerprint_keys().len(), 1);
}

#[test]
fn k5_there_are_as_many_permits_as_uses_were_counted() {
    let keyring = Keyring::new(SecretList::parse('k', &generated(1).into()).unwrap()).unwrap();
    assert_eq!(keyring.permit().map(|_| ()), Err(NoneGranted));
    keyring.grant(1, 3);
    keyring.grant(2, 50);
    assert_eq!((0..10).filter(|_| keyring.permit().is_ok()).count(), 3);
    assert_eq!(keyring.permit().map(|_| ()), Err(NoneGranted));
}

#[test]
fn k5_a_million_nonces_and_none_of_them_twice() {
    let keyring = ring(&generated(1));
    let count = 1_000_000;
    keyring.grant(1, count);
    let mut nonces: Vec<[u8; 12]> = (0..count)
        .map(|_| {
            let blob = keyring.permit().unwrap().seal_value(&[], b"");
            blob.as_bytes()[6..18].try_into().unwrap()
        })
        .collect();
    nonces.sort_unstable();
    assert!(nonces.windows(2).all(|pair| pair[0] != pair[1]));
    assert_eq!(nonces.len(), 1_000_000);
}

#[test]
fn keys_that_were_exchanged_open_at_once_and_no_count_goes_over() {
    let (old, new) = (generated(1), generated(2));
    let keyring = ring(&old);
    let permit = keyring.permit().unwrap();
    let next = Keyring::new(SecretList::parse('k', &format!("{new},{old}").into()).unwrap());
    keyring.replace(next.unwrap());
    assert_eq!(keyring.ids(), [2, 1]);
    assert_eq!(keyring.granted(), 0, "the new key's uses are its own");
    let before = permit.seal_value(&["a"], b"text");
    assert_eq!(before.key_id(), Some(1));
    assert!(keyring.open_value(&["a"], &before).is_ok());
}

#[test]
fn a_data_key_opens_only_at_its_own_place() {
    let ring = ring(&generated(1));
    let place = ["store_keys", "data_key", "instapp_1"];
    let (key, wrapped) = ring.permit().unwrap().make_data_key(&place);
    let record = key.seal(&["a"], b"value");
    let again = ring.open_data_key(&place, &wrapped).unwrap();
    assert_eq!(again.open(&["a"], &record).unwrap().as_slice(), b"value");
    assert!(again.open(&["b"], &record).is_err());
    let other = ["store_keys", "data_key", "instapp_2"];
    assert!(ring.open_data_key(&other, &wrapped).is_err());
}
