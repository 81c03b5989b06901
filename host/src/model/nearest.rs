//! The nearest known name to one that is not known: every "did you mean" is this.

/// The known name that `given` is most likely a misspelling of, if one is near enough: one change, and one more for each
/// four letters.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), name))
        .min()
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4);
    near.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_is_found_and_another_word_is_not() {
        let known = ["data:read", "data:write", "alerts:read"];
        assert_eq!(nearest("data:raed", known), Some("data:read"));
        assert_eq!(nearest("alert:read", known), Some("alerts:read"));
        assert_eq!(nearest("cards", known), None);
        assert_eq!(nearest("x", []), None);
    }
}
