//! The route of a call for the record: the method, and a template of the path that names nobody.

/// Segments that are shown; what follows is told by one mark.
const MOST_SEGMENTS: usize = 8;
/// Longest segment that is shown.
const LONGEST_WORD: usize = 24;

/// `POST identities/{}/decision`. A segment is shown only if it is a plain word of lower-case letters and hyphens: ids,
/// names, numbers and addresses have other characters. An app that puts a name in lower case into its paths shows it, so
/// it should not.
pub(super) fn template(method: &str, path: &[String]) -> String {
    let mut route = String::with_capacity(48);
    route.push_str(method);
    for (index, segment) in path.iter().enumerate() {
        route.push(if index == 0 { ' ' } else { '/' });
        if index == MOST_SEGMENTS {
            route.push('…');
            break;
        }
        route.push_str(if is_word(segment) { segment } else { "{}" });
    }
    route
}

fn is_word(segment: &str) -> bool {
    (1..=LONGEST_WORD).contains(&segment.len())
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::template;

    fn of(path: &str) -> String {
        let path: Vec<_> = path.split('/').map(ToOwned::to_owned).collect();
        template("GET", &path)
    }

    #[test]
    fn words_are_shown_and_nothing_else() {
        for (path, route) in [
            ("me", "GET me"),
            ("identities/idt_0123/decision", "GET identities/{}/decision"),
            ("review-queue/42", "GET review-queue/{}"),
            ("people/Ada/mail/ada@example.com", "GET people/{}/mail/{}"),
            ("people/Jürgen", "GET people/{}"),
            ("keys/blnk_secret", "GET keys/{}"),
            ("2026-11-27/x1", "GET {}/{}"),
            ("a//b", "GET a/{}/b"),
            ("abcdefghijklmnopqrstuvwxyz", "GET {}"),
            ("a\nb", "GET {}"),
            ("a/b/c/d/e/f/g/h/i/j", "GET a/b/c/d/e/f/g/h/…"),
        ] {
            assert_eq!(of(path), route);
        }
        assert_eq!(template("HEAD", &[]), "HEAD");
    }
}
