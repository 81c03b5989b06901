//! The corpus in `guests/probes/hostile/wat`: one file for each misdeed, named after its id.

use std::fs;
use std::path::Path;

/// A guest of the corpus.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The file's name without its ending, such as `h01_loop`.
    pub name: String,
    /// Its first line: what it does.
    pub sentence: String,
    text: String,
}

impl Probe {
    /// The component. Strings are UTF-16 where the name says so.
    pub fn component(&self) -> Vec<u8> {
        if self.name.contains("utf16") {
            crate::component_in_utf16(&self.text)
        } else {
            crate::component(&self.text)
        }
    }
}

/// Every guest of the corpus, in order of their names.
pub fn probes() -> Vec<Probe> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guests/probes/hostile/wat");
    let mut probes: Vec<Probe> = fs::read_dir(&folder)
        .expect("the corpus")
        .flatten()
        .filter_map(|entry| {
            let file = entry.file_name();
            let name = file.to_str()?.strip_suffix(".wat")?.to_owned();
            let text = fs::read_to_string(entry.path()).expect("text");
            let first = text.lines().next().unwrap_or_default();
            let sentence = first
                .strip_prefix(";; ")
                .unwrap_or_else(|| panic!("{name} does not say in its first line what it does"))
                .to_owned();
            Some(Probe {
                name,
                sentence,
                text,
            })
        })
        .collect();
    probes.sort_by(|one, other| one.name.cmp(&other.name));
    probes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guest_of_the_corpus_becomes_a_component_and_says_what_it_does() {
        let probes = probes();
        assert!(probes.len() > 30, "only {} were found", probes.len());
        for probe in probes {
            assert!(
                probe.sentence.ends_with('.'),
                "{}: {}",
                probe.name,
                probe.sentence
            );
            assert!(probe.component().starts_with(b"\0asm"), "{}", probe.name);
        }
    }
}
