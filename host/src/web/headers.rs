//! The headers that every answer carries, by the kind of its address.
//!
//! The set is chosen from the request's path alone and put on last, so an error, a 404 or a panic has it as well, and
//! nothing that an app answers can weaken it. There is no `X-Frame-Options` anywhere: it can't name the dashboards.

use anyhow::Context;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::model::Slug;

/// What an app's page may do inside its frame: the words of the shell's `sandbox` attribute and of the policy's.
pub(super) const SANDBOX: &str = "allow-scripts allow-forms allow-downloads";
/// Every browser feature that a policy can name and some browser knows, switched off.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), \
    clipboard-read=(), clipboard-write=(), display-capture=(), encrypted-media=(), fullscreen=(), gamepad=(), \
    geolocation=(), gyroscope=(), hid=(), idle-detection=(), keyboard-map=(), local-fonts=(), magnetometer=(), \
    microphone=(), midi=(), otp-credentials=(), payment=(), picture-in-picture=(), publickey-credentials-create=(), \
    publickey-credentials-get=(), screen-wake-lock=(), serial=(), storage-access=(), usb=(), window-management=(), \
    xr-spatial-tracking=()";
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
/// Which origins a page's browser may connect to at all, whatever asks for it. It closes what no content policy covers:
/// preconnect, prerender, names looked up ahead of time, and WebRTC. A browser that does not know it ignores it.
const CONNECTION_ALLOWLIST: HeaderName = HeaderName::from_static("connection-allowlist");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// What kind of answer an address gives, whether or not anything is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surface {
    /// The host's own pages: `/enter`, and the shell at `/s/{sid}/`.
    Page,
    /// What an app's page is made of: everything under `/ui/`, and `/airlock.js`.
    Ui,
    /// Everything else: APIs, the host's scripts, unknown addresses.
    Other,
}

impl Surface {
    /// The kind of a request's path as it came, still percent-encoded.
    pub(super) fn of(path: &str) -> Self {
        if path == "/airlock.js" || path == "/ui" || path.starts_with("/ui/") {
            return Self::Ui;
        }
        let shell = path
            .strip_prefix("/s/")
            .and_then(|rest| rest.split_once('/'));
        if path == "/enter" || shell.is_some_and(|(_, rest)| rest.is_empty()) {
            return Self::Page;
        }
        Self::Other
    }
}

/// The prepared header sets of one public origin.
pub(super) struct HeaderSets {
    page: HeaderMap,
    ui: HeaderMap,
    other: HeaderMap,
    origin: String,
    frame_ancestors: String,
}

impl HeaderSets {
    /// For an origin as `https://apps.example.com` and the sources that may frame the host's pages.
    pub(super) fn new(origin: &str, frame_ancestors: &[String]) -> anyhow::Result<Self> {
        let frame_ancestors = frame_ancestors_directive(frame_ancestors)?;
        let mut common = HeaderMap::new();
        common.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        common.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        common.insert(PERMISSIONS_POLICY, HeaderValue::from_static(PERMISSIONS));
        if origin.starts_with("https://") {
            common.insert(
                STRICT_TRANSPORT_SECURITY,
                HeaderValue::from_static("max-age=31536000"),
            );
        }

        let mut page = common.clone();
        page.insert(
            CONTENT_SECURITY_POLICY,
            value(&page_policy("'none'", &frame_ancestors))?,
        );
        page.insert(
            CROSS_ORIGIN_OPENER_POLICY,
            HeaderValue::from_static("same-origin"),
        );

        let mut ui = common.clone();
        ui.insert(
            CONTENT_SECURITY_POLICY,
            value(&ui_policy(origin, &frame_ancestors))?,
        );
        ui.insert(
            CROSS_ORIGIN_RESOURCE_POLICY,
            HeaderValue::from_static("cross-origin"),
        );
        ui.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        ui.insert(
            CONNECTION_ALLOWLIST,
            HeaderValue::from_static("(response-origin)"),
        );

        let mut other = common;
        other.insert(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        );
        other.insert(
            CROSS_ORIGIN_RESOURCE_POLICY,
            HeaderValue::from_static("same-origin"),
        );
        Ok(Self {
            page,
            ui,
            other,
            origin: origin.to_owned(),
            frame_ancestors,
        })
    }

    /// Puts the set of `surface` over whatever the answer has. `framed` is the app that a shell holds.
    pub(super) fn apply(
        &self,
        surface: Surface,
        framed: Option<&Slug>,
        status: StatusCode,
        headers: &mut HeaderMap,
    ) {
        let set = match surface {
            Surface::Page => &self.page,
            Surface::Ui => &self.ui,
            Surface::Other => &self.other,
        };
        for (name, value) in set {
            headers.insert(name, value.clone());
        }
        if let (Surface::Page, Some(policy)) =
            (surface, framed.and_then(|slug| self.shell_policy(slug)))
        {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        // Only an app's public files may be kept, and they say so themselves.
        if surface != Surface::Ui || !status.is_success() || !headers.contains_key(CACHE_CONTROL) {
            headers.insert(CACHE_CONTROL, NO_STORE);
        }
    }

    /// The shell's policy: frames of this one app's files and nothing else. A slug is plain ASCII, so this is a value.
    fn shell_policy(&self, slug: &Slug) -> Option<HeaderValue> {
        value(&page_policy(
            &format!("{}/ui/{slug}/", self.origin),
            &self.frame_ancestors,
        ))
        .ok()
    }
}

/// Everything from the host itself or not at all. Trusted types forbid building markup or scripts from text, so a slip
/// in the host's own scripts can't become an injection.
fn page_policy(frame_src: &str, frame_ancestors: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
         frame-src {frame_src}; form-action 'none'; base-uri 'none'; object-src 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'; frame-ancestors {frame_ancestors}"
    )
}

/// The cage of an app's page. The origin is named because `'self'` means little to a page of opaque origin.
fn ui_policy(origin: &str, frame_ancestors: &str) -> String {
    format!(
        "default-src 'none'; script-src {origin}; style-src {origin}; font-src {origin}; \
         img-src {origin} data: blob:; connect-src 'none'; form-action 'none'; base-uri 'none'; webrtc 'block'; \
         frame-ancestors {frame_ancestors}; sandbox {SANDBOX}"
    )
}

fn frame_ancestors_directive(sources: &[String]) -> anyhow::Result<String> {
    if sources.is_empty() {
        return Ok("'none'".to_owned());
    }
    for source in sources {
        // A semicolon or comma would begin another directive or policy.
        let sound = !source.is_empty()
            && source
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b';' && b != b',');
        anyhow::ensure!(
            sound,
            "a frame ancestor must be one source of visible ASCII without ; and ,"
        );
    }
    Ok(sources.join(" "))
}

fn value(text: &str) -> anyhow::Result<HeaderValue> {
    HeaderValue::from_str(text).context("a header's value has characters that no header may have")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(origin: &str) -> HeaderSets {
        let ancestors = [
            "'self'",
            "https://blnkfinance.com",
            "https://*.blnkfinance.com",
        ]
        .map(str::to_owned);
        HeaderSets::new(origin, &ancestors).unwrap()
    }

    fn applied(
        surface: Surface,
        framed: Option<&str>,
        status: StatusCode,
        before: HeaderMap,
    ) -> HeaderMap {
        let slug = framed.map(|slug| Slug::parse(slug).unwrap());
        let mut headers = before;
        sets("https://apps.example.com").apply(surface, slug.as_ref(), status, &mut headers);
        headers
    }

    #[test]
    fn an_address_decides_its_set_whether_or_not_anything_is_there() {
        for path in ["/enter", "/s/AAAAAAAAAA/", "/s/x/"] {
            assert_eq!(Surface::of(path), Surface::Page, "{path}");
        }
        for path in [
            "/ui",
            "/ui/",
            "/ui/kyc/0/index.html",
            "/ui/../x",
            "/airlock.js",
        ] {
            assert_eq!(Surface::of(path), Surface::Ui, "{path}");
        }
        for path in [
            "/",
            "/s/",
            "/s/x",
            "/s/x/api/",
            "/s/x/events",
            "/session",
            "/uix",
            "/enter/",
            "/api/portal/a/b",
        ] {
            assert_eq!(Surface::of(path), Surface::Other, "{path}");
        }
    }

    #[test]
    fn only_a_shell_may_frame_and_only_its_own_app() {
        let policy = |framed| {
            let headers = applied(Surface::Page, framed, StatusCode::OK, HeaderMap::new());
            headers[CONTENT_SECURITY_POLICY]
                .to_str()
                .unwrap()
                .to_owned()
        };
        assert!(policy(Some("kyc")).contains("; frame-src https://apps.example.com/ui/kyc/; "));
        assert!(policy(None).contains("; frame-src 'none'; "));
        let ancestors = "frame-ancestors 'self' https://blnkfinance.com https://*.blnkfinance.com";
        assert!(policy(None).ends_with(ancestors) && policy(Some("kyc")).ends_with(ancestors));
    }

    #[test]
    fn the_policy_of_an_apps_page_is_the_ruled_one() {
        let headers = applied(Surface::Ui, None, StatusCode::OK, HeaderMap::new());
        assert_eq!(
            headers[CONTENT_SECURITY_POLICY],
            "default-src 'none'; script-src https://apps.example.com; style-src https://apps.example.com; \
             font-src https://apps.example.com; img-src https://apps.example.com data: blob:; connect-src 'none'; \
             form-action 'none'; base-uri 'none'; webrtc 'block'; \
             frame-ancestors 'self' https://blnkfinance.com https://*.blnkfinance.com; \
             sandbox allow-scripts allow-forms allow-downloads"
        );
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(headers["cross-origin-resource-policy"], "cross-origin");
    }

    #[test]
    fn what_an_app_answers_can_not_weaken_the_hosts_headers() {
        let mut guest = HeaderMap::new();
        guest.insert(
            CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src *"),
        );
        guest.insert(CACHE_CONTROL, HeaderValue::from_static("public"));
        guest.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("sniff"));
        let headers = applied(Surface::Other, None, StatusCode::OK, guest);
        assert_eq!(
            headers[CONTENT_SECURITY_POLICY],
            "default-src 'none'; frame-ancestors 'none'"
        );
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers.get_all(CONTENT_SECURITY_POLICY).iter().count(), 1);
    }

    #[test]
    fn a_missing_file_is_never_kept() {
        let mut asked = HeaderMap::new();
        asked.insert(
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        );
        let found = applied(Surface::Ui, None, StatusCode::OK, asked.clone());
        let missing = applied(Surface::Ui, None, StatusCode::NOT_FOUND, asked);
        assert_eq!(found[CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(missing[CACHE_CONTROL], "no-store");
    }

    #[test]
    fn every_set_has_the_common_headers_and_none_forbids_framing_by_the_old_header() {
        for surface in [Surface::Page, Surface::Ui, Surface::Other] {
            let headers = applied(surface, None, StatusCode::OK, HeaderMap::new());
            for name in [
                "x-content-type-options",
                "referrer-policy",
                "permissions-policy",
                "strict-transport-security",
                "content-security-policy",
                "cache-control",
            ] {
                assert!(headers.contains_key(name), "{surface:?} lacks {name}");
            }
            assert!(!headers.contains_key("x-frame-options"));
        }
        let mut plain = HeaderMap::new();
        sets("http://127.0.0.1:8080").apply(Surface::Page, None, StatusCode::OK, &mut plain);
        assert!(!plain.contains_key(STRICT_TRANSPORT_SECURITY));
    }

    #[test]
    fn a_frame_ancestor_can_not_begin_another_directive() {
        for source in [
            "https://a.example; script-src *",
            "https://a.example,x",
            "",
            "a b",
            "a\nb",
        ] {
            assert!(
                HeaderSets::new("https://x.example", &[source.to_owned()]).is_err(),
                "{source:?} passed"
            );
        }
        let none = HeaderSets::new("https://x.example", &[]).unwrap();
        assert_eq!(none.frame_ancestors, "'none'");
    }
}
