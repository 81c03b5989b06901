//! The two addresses of an app: changed without a gap, ended on demand, and known again after a start.

use super::exchange::{begun_and_left, until};
use super::*;
use crate::install::endpoints::{EndpointKind, Endpoints, Rotated};

async fn endpoints(place: &Place, keys: &[&str]) -> Endpoints {
    let keyring = Arc::new(keyring(keys));
    let database = place.database().await;
    Endpoints::open(database, keyring, place.clock.clone())
        .await
        .unwrap()
}

fn newest(endpoints: &Endpoints, kind: EndpointKind) -> String {
    let secret = endpoints.newest(kind, &slug()).unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "the test plays Cloud, who knows it"
    )]
    secret.expose_secret().to_owned()
}

#[tokio::test]
async fn both_addresses_work_until_the_older_is_retired() {
    let place = Place::new(TestDatabase::sqlite());
    let key = generated(1);
    let endpoints = endpoints(&place, &[&key]).await;
    assert_eq!(endpoints.rotate(&slug()).await.unwrap(), Rotated::Unknown);
    endpoints.ensure(&slug()).await.unwrap();
    let matches = |kind, secret: &str| endpoints.matches(kind, "kyc", secret).is_some();
    let (callback, portal) = (EndpointKind::Callback, EndpointKind::Portal);
    let old = newest(&endpoints, callback);
    let old_portal = newest(&endpoints, portal);
    assert_ne!(old, old_portal);
    assert_eq!(
        endpoints.retire(&slug()).await.unwrap(),
        Rotated::Retired(0)
    );
    assert!(
        matches(callback, &old),
        "a retirement ends only what is older"
    );

    assert_eq!(endpoints.rotate(&slug()).await.unwrap(), Rotated::Made);
    let new = newest(&endpoints, callback);
    assert_ne!(old, new);
    assert!(matches(callback, &old) && matches(callback, &new));
    assert!(matches(portal, &old_portal) && matches(portal, &newest(&endpoints, portal)));
    for (kind, secret) in [(portal, &old), (portal, &new), (callback, &old_portal)] {
        assert!(!matches(kind, secret), "one address opens the other");
    }
    assert!(endpoints.matches(callback, "other", &new).is_none());
    assert_eq!(endpoints.rotate(&slug()).await.unwrap(), Rotated::Two);
    assert_eq!(endpoints.older(&slug()).len(), 2);

    assert_eq!(
        endpoints.retire(&slug()).await.unwrap(),
        Rotated::Retired(2)
    );
    assert!(!matches(callback, &old) && !matches(portal, &old_portal));
    assert!(matches(callback, &new));
    assert_eq!(endpoints.older(&slug()), []);
    let again = super::addresses::endpoints(&place, &[&key]).await;
    assert!(again.matches(callback, "kyc", &new).is_some());
    assert!(again.matches(callback, "kyc", &old).is_none());
}

#[tokio::test]
async fn the_last_use_of_an_older_address_is_known_and_survives_a_start() {
    let place = Place::new(TestDatabase::sqlite());
    let key = generated(1);
    let endpoints = endpoints(&place, &[&key]).await;
    endpoints.ensure(&slug()).await.unwrap();
    let old = newest(&endpoints, EndpointKind::Callback);
    endpoints.rotate(&slug()).await.unwrap();
    let used = |endpoints: &Endpoints| {
        let older = endpoints.older(&slug()).into_iter();
        let mut callback = older.filter(|older| older.kind == EndpointKind::Callback);
        callback.next().unwrap().last_used
    };
    assert_eq!(used(&endpoints), None);
    let address = endpoints.matches(EndpointKind::Callback, "kyc", &old);
    assert_eq!(used(&endpoints), None, "the call may still be refused");
    endpoints.note_use(&address.unwrap());
    let at = UnixMillis::new(1_800_000_000_000);
    assert_eq!(used(&endpoints), Some(at));
    let other = super::addresses::endpoints(&place, &[&key]).await;
    assert_eq!(used(&other), None, "a use is not written at once");
    endpoints.note_uses().await.unwrap();
    other.reload().await.unwrap();
    assert_eq!(used(&other), Some(at));
    endpoints.reload().await.unwrap();
    assert_eq!(used(&endpoints), Some(at));
}

#[tokio::test]
async fn a_change_of_addresses_whose_caller_is_gone_is_done_to_its_end() {
    let place = Place::new(TestDatabase::sqlite());
    let endpoints = endpoints(&place, &[&generated(1)]).await;
    endpoints.ensure(&slug()).await.unwrap();
    begun_and_left(endpoints.rotate(&slug())).await;
    until(async || endpoints.older(&slug()).len() == 2).await;
    begun_and_left(endpoints.retire(&slug())).await;
    until(async || endpoints.older(&slug()).is_empty()).await;
}

#[tokio::test]
async fn k4_a_host_without_the_new_key_hears_which_addresses_were_retired() {
    let place = Place::new(TestDatabase::postgres());
    let (old, new) = (generated(1), generated(2));
    let slow = endpoints(&place, &[&old]).await;
    slow.ensure(&slug()).await.unwrap();
    let callback = EndpointKind::Callback;
    let first = newest(&slow, callback);
    slow.rotate(&slug()).await.unwrap();
    let second = newest(&slow, callback);
    rotate(&place.open(&[&new, &old]).await.unwrap()).await;
    let works = |secret: &str| slow.matches(callback, "kyc", secret).is_some();
    slow.reload().await.unwrap();
    assert!(
        works(&first) && works(&second),
        "they are known from before"
    );
    let quick = endpoints(&place, &[&new, &old]).await;
    quick.retire(&slug()).await.unwrap();
    quick.rotate(&slug()).await.unwrap();
    slow.reload().await.unwrap();
    assert!(!works(&first), "it was retired");
    assert!(works(&second), "it works on");
    assert!(!works(&newest(&quick, callback)), "nobody can know it here");
}

#[tokio::test]
async fn many_apps_get_their_addresses_together_and_those_that_have_them_keep_them() {
    let place = Place::new(TestDatabase::sqlite());
    let key = generated(1);
    let endpoints = endpoints(&place, &[&key]).await;
    endpoints.ensure(&slug()).await.unwrap();
    let before = newest(&endpoints, EndpointKind::Callback);
    // More than one commit makes, and more than one block of counted uses.
    let others = (0..600).map(|number| Slug::parse(format!("app-{number}")).unwrap());
    let slugs: Vec<_> = others.chain([slug()]).collect();
    endpoints.ensure_all(slugs.clone()).await.unwrap();
    assert_eq!(newest(&endpoints, EndpointKind::Callback), before);
    let secrets = |endpoints: &Endpoints| {
        let mut secrets = std::collections::BTreeSet::new();
        for slug in &slugs {
            for kind in [EndpointKind::Callback, EndpointKind::Portal] {
                let secret = endpoints.newest(kind, slug).unwrap();
                #[expect(clippy::disallowed_methods, reason = "the test compares them")]
                let secret = secret.expose_secret().to_owned();
                let address = endpoints.matches(kind, slug.as_str(), &secret).unwrap();
                assert_eq!(address.slug(), slug);
                secrets.insert(secret);
            }
        }
        secrets
    };
    let made = secrets(&endpoints);
    assert_eq!(made.len(), 2 * slugs.len());
    endpoints.ensure_all(slugs.clone()).await.unwrap();
    assert_eq!(secrets(&endpoints), made);
    assert_eq!(endpoints.older(&slug()), []);
}
