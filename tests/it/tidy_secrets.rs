//! What is secret does not print: read from the source, so that a new type can't be forgotten.

use std::fs;
use std::path::Path;

use crate::support::packages::root;

/// Fields that print what they hold.
const TELLING: [&str; 6] = [
    "Zeroizing<",
    "[u8; 32]",
    "api_key: String",
    "secret: String",
    "token: String",
    "password: String",
];

/// Each `struct` or `enum` with its derives and its body, up to the brace or semicolon that ends it.
fn types(code: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let words = line
            .trim_start()
            .trim_start_matches("pub ")
            .trim_start_matches("pub(super) ");
        if !(words.starts_with("struct ") || words.starts_with("enum ")) || line.starts_with(' ') {
            continue;
        }
        let attributes = lines[..number].iter().rev().take_while(|line| {
            let line = line.trim();
            line.is_empty() || line.starts_with('#') || line.ends_with(']') || line.ends_with(',')
        });
        let attributes = attributes.copied().collect::<Vec<_>>().join(" ");
        let rest = lines[number..].iter();
        let mut body = String::new();
        for line in rest {
            body.push_str(line);
            body.push('\n');
            if *line == "}" || line.ends_with(';') {
                break;
            }
        }
        found.push((attributes, body));
    }
    found
}

fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push((
                path.display().to_string(),
                fs::read_to_string(&path).unwrap(),
            ));
        }
    }
    found
}

#[test]
fn k8_no_type_that_holds_a_secret_derives_debug() {
    let (mut checked, mut holders) = (0, 0);
    for (file, code) in sources(&root().join("host/src")) {
        for (attributes, body) in types(&code) {
            checked += 1;
            let telling = TELLING.iter().find(|field| body.contains(**field));
            let Some(field) = telling else { continue };
            holders += 1;
            assert!(
                !attributes.contains("Debug"),
                "{file} derives Debug over {field}: {body}"
            );
        }
    }
    assert!(
        checked > 150 && holders > 8,
        "{checked} types, {holders} of them with secrets"
    );
}

#[test]
fn a_derive_over_a_secret_is_seen() {
    let code = "/// Doc.\n#[derive(Debug, Clone)]\npub struct Key {\n    inner: Zeroizing<[u8; 32]>,\n}\n\nstruct Plain;\n";
    let found = types(code);
    assert_eq!(found.len(), 2);
    assert!(found[0].0.contains("Debug") && found[0].1.contains(TELLING[0]));
    assert!(!found[1].0.contains("Debug"));
}
