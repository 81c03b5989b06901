//! Whether a page lets the dashboard show it in a frame, by its headers.

use reqwest::header::{CONTENT_SECURITY_POLICY, HeaderMap, X_FRAME_OPTIONS};
use url::Url;

/// What keeps the dashboard from framing the page, in a sentence. `None` when nothing does.
pub(super) fn framing_problem(headers: &HeaderMap, dashboard_origin: &str) -> Option<String> {
    let policies = headers
        .get_all(CONTENT_SECURITY_POLICY)
        .iter()
        .filter_map(|value| value.to_str().ok());
    // Several policies may stand in one header, separated by commas; all of them must agree.
    let ancestors: Vec<&str> = policies
        .flat_map(|value| value.split(','))
        .filter_map(frame_ancestors)
        .collect();
    if ancestors.is_empty() {
        return Some(
            "The portal page has no Content-Security-Policy with frame-ancestors.".to_owned(),
        );
    }
    if let Some(refusing) = ancestors
        .iter()
        .find(|sources| !allows(sources, dashboard_origin))
    {
        return Some(format!(
            "The portal page may not be framed by {dashboard_origin}: its frame-ancestors are {}.",
            refusing.trim()
        ));
    }
    if headers.contains_key(X_FRAME_OPTIONS) {
        return Some(
            "The portal page sends X-Frame-Options, which contradicts its frame-ancestors."
                .to_owned(),
        );
    }
    None
}

fn frame_ancestors(policy: &str) -> Option<&str> {
    policy.split(';').find_map(|directive| {
        let (name, sources) = directive.trim().split_once(char::is_whitespace)?;
        name.eq_ignore_ascii_case("frame-ancestors")
            .then_some(sources)
    })
}

fn allows(sources: &str, origin: &str) -> bool {
    let Ok(origin) = Url::parse(origin) else {
        return false;
    };
    sources
        .split_whitespace()
        .any(|source| matches(source, &origin))
}

/// Whether a source expression matches an origin. `'self'` is the app's own origin, never ours.
fn matches(source: &str, origin: &Url) -> bool {
    if source.starts_with('\'') {
        return false;
    }
    if source == "*"
        || source
            .strip_suffix(':')
            .is_some_and(|scheme| scheme == origin.scheme())
    {
        return true;
    }
    let (scheme, rest) = source
        .split_once("://")
        .map_or((None, source), |(scheme, rest)| (Some(scheme), rest));
    let rest = rest.split('/').next().unwrap_or_default();
    let (host, port) = rest
        .rsplit_once(':')
        .map_or((rest, None), |(host, port)| (host, Some(port)));
    // A plain source also admits the same host over TLS, not the other way round.
    let scheme_fits = scheme.is_none_or(|scheme| {
        scheme == origin.scheme() || (scheme, origin.scheme()) == ("http", "https")
    });
    let own_host = origin.host_str().unwrap_or_default();
    let host_fits = match host.strip_prefix("*.") {
        Some(domain) => own_host
            .strip_suffix(domain)
            .is_some_and(|front| front.ends_with('.')),
        None => host.eq_ignore_ascii_case(own_host),
    };
    let port_fits = match port {
        Some("*") => true,
        Some(port) => {
            origin
                .port_or_known_default()
                .map(|own| own.to_string())
                .as_deref()
                == Some(port)
        }
        None => origin.port().is_none(),
    };
    scheme_fits && host_fits && port_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_match_by_scheme_host_and_port() {
        let origin = "http://localhost:8081";
        for fitting in [
            "http://localhost:8081",
            "*",
            "http:",
            "localhost:8081",
            "http://localhost:*",
        ] {
            assert!(allows(fitting, origin), "{fitting}");
        }
        for other in [
            "'self'",
            "'none'",
            "http://localhost",
            "https://localhost:8081",
            "http://localhost:8080",
            "https:",
        ] {
            assert!(!allows(other, origin), "{other}");
        }
        assert!(allows(
            "'self' https://*.blnkfinance.com",
            "https://cloud.blnkfinance.com"
        ));
        assert!(!allows(
            "https://*.blnkfinance.com",
            "https://blnkfinance.com"
        ));
        assert!(!allows(
            "https://*.blnkfinance.com",
            "https://evilblnkfinance.com"
        ));
    }

    #[test]
    fn every_policy_must_admit_the_dashboard() {
        let mut headers = HeaderMap::new();
        assert!(framing_problem(&headers, "http://localhost:1").is_some());
        headers.append(
            CONTENT_SECURITY_POLICY,
            "default-src 'self'; frame-ancestors http://localhost:1"
                .parse()
                .unwrap(),
        );
        assert_eq!(framing_problem(&headers, "http://localhost:1"), None);
        headers.append(
            CONTENT_SECURITY_POLICY,
            "frame-ancestors 'none'".parse().unwrap(),
        );
        assert!(
            framing_problem(&headers, "http://localhost:1")
                .unwrap()
                .contains("'none'")
        );
    }
}
