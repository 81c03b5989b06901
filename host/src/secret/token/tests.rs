//! What a signer takes, and everything that it must not.

use super::*;

mod edits;

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

fn signer() -> Signer {
    Signer::over(vec![(
        "k1".to_owned(),
        Zeroizing::new(b"0123456789abcdef0123456789abcdef".to_vec()),
    )])
}

fn claims() -> LaunchClaims {
    LaunchClaims {
        app: AppId::parse("app_1").unwrap(),
        install: InstallId::parse("instapp_1").unwrap(),
        instance: InstanceId::parse("inst_1").unwrap(),
        user: None,
        generation: 1,
    }
}

#[test]
fn the_published_vector_holds() {
    let payload = payload(
        Kind::Launch,
        &claims(),
        1_700_000_000,
        LAUNCH_LIFE,
        "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        None,
    );
    let token = signer().sign(Kind::Launch, &payload);
    assert!(token.starts_with("al1.k1."));
    assert!(
        token.ends_with(".w7LVL8jq7Wpw1IFaL3iJQsK9bnAE0U4T-rRk0JiycfM"),
        "{token}"
    );
}

#[test]
fn t4_a_launch_lives_two_minutes_to_the_millisecond() {
    let token = signer().issue_launch(&claims(), NOW);
    let last = NOW.plus(Duration::from_millis(119_999));
    assert!(signer().verify_launch(token.as_str(), last).is_ok());
    let over = NOW.plus(LAUNCH_LIFE);
    assert_eq!(
        signer().verify_launch(token.as_str(), over).unwrap_err(),
        TokenError::Expired
    );
    assert!(signer().verify_launch_any_age(token.as_str(), over).is_ok());
}

#[test]
fn t4_a_session_lives_fifteen_minutes_at_most_whatever_is_asked() {
    let token = signer().issue_launch(&claims(), NOW);
    let launch = signer().verify_launch(token.as_str(), NOW).unwrap();
    let session = signer().issue_session(&launch, NOW, Duration::from_hours(24));
    assert_eq!(session.expires(), NOW.plus(LONGEST_SESSION));
    let last = NOW.plus(Duration::from_millis(899_999));
    let verified = signer()
        .verify_session(session.cookie_value(), last)
        .unwrap();
    assert_eq!(verified.sid(), session.sid());
    assert_eq!(verified.launch_jti(), launch.jti());
    assert_ne!(verified.log_name(), verified.sid().as_str());
    assert_eq!(
        signer()
            .verify_session(session.cookie_value(), NOW.plus(LONGEST_SESSION))
            .unwrap_err(),
        TokenError::Expired
    );
}

#[test]
fn i37_signed_tokens_with_a_long_life_or_from_the_future_are_refused() {
    let sign = |now: i64, life: u64| {
        let payload = payload(
            Kind::Launch,
            &claims(),
            now,
            Duration::from_secs(life),
            random_jti(),
            None,
        );
        signer().sign(Kind::Launch, &payload)
    };
    assert!(
        signer()
            .verify_launch(&sign(1_700_000_000, 121), NOW)
            .is_err()
    );
    assert!(
        signer()
            .verify_launch(&sign(1_700_000_006, 120), NOW)
            .is_err()
    );
    assert!(
        signer()
            .verify_launch(&sign(1_700_000_005, 120), NOW)
            .is_ok()
    );
    assert!(
        signer()
            .verify_launch(&sign(1_700_000_000, 0), NOW)
            .is_err()
    );
}

#[test]
fn a_session_secret_must_be_long_and_not_one_letter_over_and_over() {
    let sample = "0123456789abcdef0123456789abcdef";
    for text in ["short", &"a".repeat(40), "", sample, &"secret".repeat(9)] {
        assert!(
            Signer::from_session_secret(&text.to_owned().into()).is_none(),
            "{text:?}"
        );
    }
    assert!(Signer::from_session_secret(&crate::secret::random_name().into()).is_some());
}

#[test]
fn k8_nothing_prints_a_token() {
    let token = signer().issue_launch(&claims(), NOW);
    let launch = signer().verify_launch(token.as_str(), NOW).unwrap();
    let session = signer().issue_session(&launch, NOW, LONGEST_SESSION);
    let printed = format!("{token:?} {session:?} {:?}", signer());
    assert!(
        !printed.contains("al1.") && !printed.contains("as1."),
        "{printed}"
    );
}
