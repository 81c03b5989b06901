//! Printing: tables for people, JSON for scripts, and errors that help.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};

use serde::Serialize;

/// The width that text is laid out for, in a terminal and without one.
const WIDTH: usize = 80;
/// The least room that text is wrapped into: in less it can't be read.
const MIN_ROOM: usize = 24;

/// Prints a text as it is. Whoever reads it may leave when they have seen enough, as `head` does.
pub(super) fn text(text: &str) {
    let written = writeln!(std::io::stdout().lock(), "{text}");
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("error: writing to standard output: {error}");
    }
}

/// Prints a value as indented JSON.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    text(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints a note for whoever sits there, beside what was asked for.
pub(super) fn note(text: &str) {
    eprintln!("note: {text}");
}

/// Prints rows under their headings, each column as wide as its longest cell. The last one is wrapped.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) {
    text(&table_text(headings, rows));
}

/// Prints names with their values, which are wrapped.
pub(super) fn facts(rows: &[(&str, String)]) {
    text(&facts_text(rows));
}

/// Bytes for people, as `402.1 KiB`.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 3] = ["KiB", "MiB", "GiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one digit after the point")]
    let mut value = number as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    format!("{text} {}", UNITS.get(unit).copied().unwrap_or_default())
}

fn table_text(headings: &[&str], rows: &[Vec<String>]) -> String {
    let cells =
        |row: &[String], index: usize| row.get(index).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(index, heading)| {
            rows.iter()
                .map(|row| cells(row, index))
                .max()
                .unwrap_or(0)
                .max(heading.chars().count())
        })
        .collect();
    let line = |cells: Vec<&str>| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        line.trim_end().to_owned()
    };
    let before = widths.iter().rev().skip(1).map(|width| width + 2).sum();
    let mut lines = vec![line(headings.to_vec())];
    for row in rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        match cells.split_last() {
            Some((last, others)) if row.len() == headings.len() => {
                lines.extend(hanging(before, last, |first| {
                    line([others, &[first]].concat())
                }));
            }
            _ => lines.push(line(cells)),
        }
    }
    lines.join("\n")
}

fn facts_text(rows: &[(&str, String)]) -> String {
    let names = rows.iter().map(|(name, _)| name.chars().count());
    let width = names.max().unwrap_or(0);
    let lines = rows.iter().flat_map(|(name, value)| {
        hanging(width + 2, value, |first| {
            format!("{name:<width$}  {first}").trim_end().to_owned()
        })
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A text behind something `indent` wide, wrapped into lines that begin below its first one. `with_first` puts what
/// stands before the text and its first line together.
fn hanging(indent: usize, text: &str, with_first: impl Fn(&str) -> String) -> Vec<String> {
    let parts = wrapped(text, WIDTH.saturating_sub(indent));
    let mut lines = Vec::with_capacity(parts.len());
    for (number, part) in parts.iter().enumerate() {
        lines.push(if number == 0 {
            with_first(part)
        } else {
            format!("{:indent$}{part}", "")
        });
    }
    lines
}

/// Lines of at most `room` characters, broken between words; never none.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    if room < MIN_ROOM || text.chars().count() <= room {
        return vec![text.to_owned()];
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let length = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && length > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// Prints an error with its causes. What to try is part of the sentences.
pub(super) fn failure(error: &anyhow::Error) {
    let mut seen = error.to_string();
    eprintln!("error: {seen}");
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Wrappers often repeat their cause; once is enough.
        if !seen.contains(&text) {
            eprintln!("  because: {text}");
        }
        seen.push_str(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let rows = [
            vec!["kyc".to_owned(), "serving".to_owned()],
            vec!["übung".to_owned(), String::new()],
        ];
        assert_eq!(
            table_text(&["APP", "STATUS"], &rows),
            "APP    STATUS\nkyc    serving\nübung"
        );
    }

    #[test]
    fn the_last_column_is_wrapped_below_itself_and_long_words_stay_whole() {
        let reason = format!("{} {} end", "word ".repeat(12).trim_end(), "x".repeat(90));
        let rows = [vec!["kyc".to_owned(), reason]];
        let text = table_text(&["APP", "REASON"], &rows);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[1].starts_with("kyc  word word") && lines[1].len() <= WIDTH);
        assert_eq!(lines[2], format!("     {}", "x".repeat(90)));
        assert_eq!(lines[3], "     end");
    }

    #[test]
    fn names_stand_in_a_column_and_their_values_beside_it() {
        let rows = [
            ("app", "kyc".to_owned()),
            (
                "reason",
                "because it is so ".repeat(6).trim_end().to_owned(),
            ),
            ("empty", String::new()),
        ];
        let text = facts_text(&rows);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "app     kyc");
        assert!(lines[2].starts_with("        because"), "{text}");
        assert_eq!(*lines.last().unwrap(), "empty");
        assert!(lines.iter().all(|line| line.len() <= WIDTH));
    }

    #[test]
    fn figures_are_short_and_say_their_unit() {
        for (number, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (64 * 1024 * 1024, "64 MiB"),
            (1_572_864, "1.5 MiB"),
            (u64::MAX, "17179869184 GiB"),
        ] {
            assert_eq!(bytes(number), expected);
        }
    }
}
