//! The ruled headers of each kind of answer, as a whole set.

use std::collections::BTreeMap;

use crate::support::Answer;

const OTHER: &str = "default-src 'none'; frame-ancestors 'none'";

const ANCESTORS: &str = "frame-ancestors 'self' https://blnkfinance.com https://*.blnkfinance.com";

/// Headers that speak of the body or of this one answer; the sweep looks at all others.
const OF_THE_BODY: [&str; 7] = [
    "date",
    "x-request-id",
    "content-type",
    "content-length",
    "allow",
    "retry-after",
    "airlock-digest",
];

/// What kind of answer an address gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Other,
    /// A page of the host's that holds no app.
    Page,
    /// The shell around the app's page.
    Shell,
    /// What an app's page is made of; with what may be kept for ever.
    Ui {
        keep: bool,
    },
}

fn page_policy(frame_src: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
         connect-src 'self'; frame-src {frame_src}; form-action 'none'; base-uri 'none'; object-src 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'; {ANCESTORS}"
    )
}

fn ui_policy(origin: &str) -> String {
    format!(
        "default-src 'none'; script-src {origin}; style-src {origin}; font-src {origin}; \
         img-src {origin} data: blob:; connect-src 'none'; form-action 'none'; base-uri 'none'; \
         webrtc 'block'; {ANCESTORS}; sandbox allow-scripts allow-forms allow-downloads"
    )
}

/// The whole set that an address must have.
pub(super) fn expected(kind: Kind, origin: &str) -> BTreeMap<String, String> {
    let policy = match kind {
        Kind::Other => OTHER.to_owned(),
        Kind::Page => page_policy("'none'"),
        Kind::Shell => page_policy(&format!("{origin}/ui/echo/")),
        Kind::Ui { .. } => ui_policy(origin),
    };
    let cache = match kind {
        Kind::Ui { keep: true } => "public, max-age=31536000, immutable",
        _ => "no-store",
    };
    let mut set = vec![
        ("content-security-policy", policy.as_str()),
        ("cache-control", cache),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ];
    set.extend(match kind {
        Kind::Page | Kind::Shell => vec![("cross-origin-opener-policy", "same-origin")],
        Kind::Other => vec![("cross-origin-resource-policy", "same-origin")],
        Kind::Ui { .. } => vec![
            ("cross-origin-resource-policy", "cross-origin"),
            ("access-control-allow-origin", "*"),
            ("connection-allowlist", "(response-origin)"),
        ],
    });
    set.into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Every header but those of the body and of the one answer. Each stands there once.
#[track_caller]
pub(super) fn found(answer: &Answer, case: &str) -> BTreeMap<String, String> {
    let mut set = BTreeMap::new();
    for (name, value) in &answer.headers {
        let value = value.to_str().expect("visible ASCII").to_owned();
        if !OF_THE_BODY.contains(&name.as_str()) && name != "set-cookie" {
            let twice = set.insert(name.to_string(), value);
            assert_eq!(twice, None, "{case}: {name} stands there twice");
        }
    }
    // Its list of browser features is long and grows; that it switches off what matters is enough.
    let permissions = set.remove("permissions-policy").unwrap_or_default();
    for feature in [
        "camera=()",
        "geolocation=()",
        "microphone=()",
        "payment=()",
        "storage-access=()",
    ] {
        assert!(
            permissions.contains(feature),
            "{case}: permissions-policy lacks {feature}"
        );
    }
    set
}
