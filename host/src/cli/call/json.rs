//! JSON of a guest, indented for people with every number as the guest wrote it.

/// Indents JSON text; none if it is no JSON. Only white space changes: a parsed and printed amount may be another one.
pub(super) fn indented(text: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len());
    let mut depth = 0_usize;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                out.push('"');
                // To the quote that is not escaped.
                while let Some(inner) = characters.next() {
                    out.push(inner);
                    if inner == '\\' {
                        out.extend(characters.next());
                    } else if inner == '"' {
                        break;
                    }
                }
            }
            '{' | '[' => {
                out.push(character);
                while characters.peek().is_some_and(char::is_ascii_whitespace) {
                    characters.next();
                }
                if matches!(characters.peek(), Some('}' | ']')) {
                    out.extend(characters.next());
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            character if character.is_ascii_whitespace() => {}
            character => out.push(character),
        }
    }
    Some(out)
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_its_numbers_stay_as_they_are_written() {
        let text = r#"{"a":[1,{"b":12345678901234567890.10}],"c":{},"d":[ ],"e":"x, \"{\" y"}"#;
        assert_eq!(
            indented(text).unwrap(),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": 12345678901234567890.10\n    }\n  ],\n  \"c\": {},\n  \"d\": [],\n  \
             \"e\": \"x, \\\"{\\\" y\"\n}"
        );
        assert_eq!(indented("\"only text\"").unwrap(), "\"only text\"");
        for text in ["", "{", "no", "{} x"] {
            assert_eq!(indented(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn indenting_changes_nothing_that_counts(text in r#"[\[\]{}:, "\\a1]{0,24}"#) {
            if let Some(indented) = indented(&text) {
                let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
                proptest::prop_assert_eq!(parse(&indented), parse(&text));
            }
        }
    }
}
