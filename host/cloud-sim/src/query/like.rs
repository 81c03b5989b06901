//! SQL's `like`: `%` is any run of characters, `_` is one, a backslash takes the next as it is.

enum Piece {
    AnyRun,
    AnyOne,
    Exactly(char),
}

/// Whether the whole text is like the pattern. Takes time in proportion to the product of the
/// two lengths at worst, whatever the pattern.
pub(super) fn is_like(text: &str, pattern: &str) -> bool {
    let pieces = pieces(pattern);
    // reachable[n]: the first n pieces can consume the text read so far.
    let mut reachable = vec![false; pieces.len() + 1];
    if let Some(start) = reachable.first_mut() {
        *start = true;
    }
    spread_over_runs(&mut reachable, &pieces);
    for character in text.chars() {
        let mut next = vec![false; reachable.len()];
        for (at, piece) in pieces.iter().enumerate() {
            if !reachable.get(at).copied().unwrap_or_default() {
                continue;
            }
            let target = match piece {
                Piece::AnyRun => Some(at),
                Piece::AnyOne => Some(at + 1),
                Piece::Exactly(wanted) => (*wanted == character).then_some(at + 1),
            };
            if let Some(slot) = target.and_then(|target| next.get_mut(target)) {
                *slot = true;
            }
        }
        spread_over_runs(&mut next, &pieces);
        reachable = next;
    }
    reachable.last().copied().unwrap_or_default()
}

/// A run may also consume nothing.
fn spread_over_runs(reachable: &mut [bool], pieces: &[Piece]) {
    for (at, piece) in pieces.iter().enumerate() {
        let here = reachable.get(at).copied().unwrap_or_default();
        if let (true, Piece::AnyRun, Some(slot)) = (here, piece, reachable.get_mut(at + 1)) {
            *slot = true;
        }
    }
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        pieces.push(match character {
            '%' => Piece::AnyRun,
            '_' => Piece::AnyOne,
            '\\' => Piece::Exactly(characters.next().unwrap_or('\\')),
            other => Piece::Exactly(other),
        });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn percent_is_any_run_and_underscore_is_one_character() {
        assert!(is_like("Alice", "A%"));
        assert!(is_like("Alice", "%lic%"));
        assert!(is_like("Alice", "_lice"));
        assert!(!is_like("Alice", "_ice"));
        assert!(!is_like("Alice", "lice"));
        assert!(is_like("", "%"));
        assert!(!is_like("a", ""));
        assert!(is_like("50%", "50\\%"));
        assert!(!is_like("50x", "50\\%"));
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        assert!(!is_like(
            &"a".repeat(1_000),
            &format!("{}b", "%a".repeat(200))
        ));
    }
}
