//! Printing: tables for people, JSON for scripts, and errors that help.
#![expect(
    clippy::print_stdout,
    reason = "the command line is what talks to standard output"
)]

use std::fmt::Write as _;

use serde::Serialize;

/// Prints a text as it is.
pub(super) fn text(text: &str) {
    println!("{text}");
}

/// Prints a value as indented JSON.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints rows under their headings, each column as wide as its longest cell.
pub(super) fn table(headings: &[&str], rows: &[Vec<String>]) {
    println!("{}", table_text(headings, rows));
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
    let mut lines = vec![line(headings.to_vec())];
    lines.extend(
        rows.iter()
            .map(|row| line(row.iter().map(String::as_str).collect())),
    );
    lines.join("\n")
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
}
