//! Catalogues of hostile cases: each says in one line what a case does, and names the tests that show it.
//!
//! ```text
//! I01 a wrong or no secret
//!     tests/it/events.rs: i01_a_wrong_secret_is_an_unknown_path
//! ```

use std::fs;

use super::packages::root;

/// Asserts that a catalogue has so many cases, numbered in order behind a letter, and that each is shown by tests that exist.
pub(crate) fn assert_shown(letter: char, count: usize, catalogue: &'static str) {
    let cases = cases(catalogue);
    assert_eq!(cases.len(), count);
    for (number, (id, case, shown)) in (1..).zip(cases) {
        assert_eq!(id, format!("{letter}{number:02}"), "{case}");
        assert!(!shown.is_empty(), "{id} is shown nowhere: {case}");
        for (file, test) in shown {
            let text = fs::read_to_string(root().join(file))
                .unwrap_or_else(|error| panic!("{id}: {file}: {error}"));
            assert!(is_test(&text, test), "{id}: {file} has no test {test}");
        }
    }
}

/// A case: its id, what it does, and files with tests.
type Case = (
    &'static str,
    &'static str,
    Vec<(&'static str, &'static str)>,
);

/// The table, read.
fn cases(catalogue: &'static str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in catalogue.lines() {
        if let Some(shown) = line.strip_prefix("    ") {
            let (file, test) = shown.split_once(": ").expect("a file and a test");
            cases.last_mut().expect("a case above").2.push((file, test));
        } else {
            let (id, case) = line.split_once(' ').expect("an id and a case");
            cases.push((id, case, Vec::new()));
        }
    }
    cases
}

/// Whether a file has a test of that name which is run: on both databases, or with an attribute above it that does not
/// ignore it.
fn is_test(text: &str, name: &str) -> bool {
    if text.contains(&format!("\ntest(\"{name}\"")) {
        return true;
    }
    let Some((before, _)) = text.split_once(&format!("fn {name}(")) else {
        return false;
    };
    let both = text
        .split("on_both!(")
        .nth(1)
        .and_then(|rest| rest.split(");").next());
    if both.is_some_and(|names| names.split(',').any(|listed| listed.trim() == name)) {
        return true;
    }
    let above = before.rsplit("\n\n").next().unwrap_or_default();
    above.contains("test") && above.contains("#[") && !above.contains("#[ignore")
}

#[test]
fn a_test_that_is_gone_or_never_run_is_noticed() {
    assert!(is_test("\n\n#[tokio::test]\nasync fn a() {}", "a"));
    assert!(is_test("\ntest(\"a b\", async () => {", "a b"));
    assert!(is_test(
        "on_both!(\n    b,\n    a,\n);\n\nasync fn a(d: D) {}",
        "a"
    ));
    for text in [
        "",
        "on_both!(b);\n\nasync fn a(d: D) {}",
        "\n\nfn a() {}",
        "\n\n#[test]\n#[ignore]\nfn a() {}",
        "\n\n#[test]\nfn ab() {}",
    ] {
        assert!(!is_test(text, "a"), "{text:?}");
    }
}
