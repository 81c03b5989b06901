//! Keeps the secrets in apps' addresses out of what is shown.

use url::Url;

/// Path segments of at least this many characters are taken for secrets. Address secrets are
/// far longer; route words are shorter.
const SHORTEST_SECRET: usize = 16;

/// The path and query of an app's address with long segments and every query value replaced.
/// `slug` is the app's own name, which is shown however long it is.
pub(crate) fn masked(address: &Url, slug: &str) -> String {
    let mut shown = String::new();
    for segment in address.path_segments().into_iter().flatten() {
        shown.push('/');
        if segment.len() >= SHORTEST_SECRET && segment != slug {
            shown.push('…');
        } else {
            shown.push_str(segment);
        }
    }
    for (number, (name, _)) in address.query_pairs().enumerate() {
        shown.push(if number == 0 { '?' } else { '&' });
        shown.push_str(&name);
        shown.push_str("=…");
    }
    shown
}

/// The path and query as they are sent.
pub(crate) fn plain(address: &Url) -> String {
    match address.query() {
        Some(query) => format!("{}?{query}", address.path()),
        None => address.path().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_secrets_and_tokens_are_masked() {
        let address =
            Url::parse("http://h/api/callback/kyc/0123456789abcdef0123?token=t&x=1").unwrap();
        assert_eq!(masked(&address, "kyc"), "/api/callback/kyc/…?token=…&x=…");
    }

    #[test]
    fn a_long_slug_is_still_shown() {
        let address = Url::parse("http://h/api/portal/a-rather-long-app-name/s").unwrap();
        assert_eq!(
            masked(&address, "a-rather-long-app-name"),
            "/api/portal/a-rather-long-app-name/s"
        );
    }
}
