//! The dashboard, the host's own pages and the sample app have one set of design tokens between them.

use std::collections::BTreeMap;
use std::fs;

use crate::support::packages::root;

/// Where tokens are declared. No file has all of them, and one that two files have is the same in both.
const FILES: [&str; 3] = [
    "host/cloud-sim/dashboard/tokens.css",
    "host/src/web/pages/shell.css",
    "guests/kyc/ui/tokens.css",
];

/// Where the tokens of the dark scheme begin.
const DARK: &str = "@media (prefers-color-scheme: dark)";

/// WCAG AA: text of any size, and what makes a control visible.
const TEXT: f64 = 4.5;
const EDGE: f64 = 3.0;

type Tokens = BTreeMap<String, String>;

/// The custom properties of a piece of CSS that has them once each, as `--name` and value.
fn declared(css: &str, file: &str) -> Tokens {
    let mut tokens = Tokens::new();
    for line in css.lines() {
        let Some((name, value)) = line
            .trim()
            .strip_suffix(';')
            .and_then(|line| line.split_once(':'))
        else {
            continue;
        };
        if name.starts_with("--") {
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            let before = tokens.insert(name.to_owned(), value);
            assert_eq!(before, None, "{file}: {name} twice");
        }
    }
    tokens
}

/// What a file declares for all schemes, and for the dark one in place of it.
fn schemes(file: &str) -> (Tokens, Tokens) {
    let path = root().join(file);
    let css =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (light, rest) = css
        .split_once(DARK)
        .unwrap_or_else(|| panic!("{file} has no dark scheme"));
    // The block ends with the first brace at the beginning of a line.
    let dark = rest.split("\n}").next().unwrap();
    let light = light.split("\n}").next().unwrap();
    (declared(light, file), declared(dark, file))
}

#[test]
fn a_token_of_two_files_has_one_value_in_both_schemes() {
    let all = FILES.map(|file| (file, schemes(file)));
    let mut wrong = Vec::new();
    let mut shared = 0;
    for (number, (one, ours)) in all.iter().enumerate() {
        for (other, theirs) in all.iter().skip(number + 1) {
            for (name, value) in &ours.0 {
                let Some(their_value) = theirs.0.get(name) else {
                    continue;
                };
                shared += 1;
                if value != their_value {
                    wrong.push(format!(
                        "{name}: {value} in {one}, {their_value} in {other}"
                    ));
                }
                let dark = (ours.1.get(name), theirs.1.get(name));
                if dark.0 != dark.1 {
                    wrong.push(format!("{name} in the dark: {dark:?} in {one}, {other}"));
                }
            }
        }
    }
    assert!(shared > 50, "only {shared} tokens were compared");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_dark_token_is_a_light_one_with_another_value() {
    for file in FILES {
        let (light, dark) = schemes(file);
        assert!(dark.len() > 5, "{file}: {} dark tokens", dark.len());
        for name in dark.keys() {
            assert!(light.contains_key(name), "{file}: {name}");
        }
        for name in light.keys().filter(|name| name.starts_with("--color-")) {
            let derived = light[name].contains("var(");
            assert!(
                derived || dark.contains_key(name),
                "{file}: {name} has no dark value"
            );
        }
    }
}

#[test]
fn text_and_edges_stand_out_on_every_surface_in_both_schemes() {
    for file in FILES {
        let (light, dark) = schemes(file);
        let mut at_night = light.clone();
        at_night.extend(dark);
        for (scheme, tokens) in [("light", light), ("dark", at_night)] {
            let pairs = pairs(&tokens);
            assert!(pairs.len() > 5, "{file}: {} pairs", pairs.len());
            for (front, back, least) in pairs {
                let ratio = contrast(&tokens[&front], &tokens[&back]);
                assert!(
                    ratio >= least,
                    "{file}, {scheme}: {front} on {back} is {ratio:.2}, not {least}"
                );
            }
        }
    }
}

/// What a file's tokens put on one another, with the least contrast of each.
fn pairs(tokens: &Tokens) -> Vec<(String, String, f64)> {
    let surfaces = ["bg", "surface", "surface-raised", "surface-sunken"];
    let mut pairs = Vec::new();
    for color in [
        "text",
        "text-muted",
        "accent",
        "danger",
        "warning",
        "success",
        "info",
    ] {
        let tint = format!("{color}-tint");
        let backs = surfaces.into_iter().chain([tint.as_str()]);
        pairs.extend(backs.map(|back| (color.to_owned(), back.to_owned(), TEXT)));
    }
    for back in surfaces {
        pairs.push(("border-strong".to_owned(), back.to_owned(), EDGE));
    }
    for (front, back) in [
        ("accent-contrast", "accent"),
        ("accent-contrast", "accent-hover"),
        ("danger-contrast", "danger"),
    ] {
        pairs.push((front.to_owned(), back.to_owned(), TEXT));
    }
    pairs
        .into_iter()
        .map(|(front, back, least)| (format!("--color-{front}"), format!("--color-{back}"), least))
        .filter(|(front, back, _)| tokens.contains_key(front) && tokens.contains_key(back))
        .collect()
}

/// The contrast of two `#rrggbb`, 1 to 21, as WCAG 2 counts it.
fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(color: &str) -> f64 {
    let digits = color
        .strip_prefix('#')
        .filter(|digits| digits.len() == 6)
        .unwrap_or_else(|| panic!("{color} is not #rrggbb"));
    let channel = |from: usize| {
        let part = f64::from(u8::from_str_radix(&digits[from..from + 2], 16).unwrap()) / 255.0;
        if part <= 0.040_45 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
}

#[test]
fn contrast_is_counted_as_wcag_does() {
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    assert!((contrast("#777777", "#ffffff") - 4.478).abs() < 0.001);
    assert!((contrast("#ffffff", "#ffffff") - 1.0).abs() < 1e-9);
}
