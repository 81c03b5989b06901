//! The files of the dashboard page, compiled in. Every file of `dashboard/` is named here; a test
//! compares the list with the folder.

/// A file of the page.
pub(crate) struct PageFile {
    /// Its name under `/dashboard/assets/`.
    pub(crate) name: &'static str,
    pub(crate) content: &'static [u8],
}

macro_rules! page_files {
    ($($name:literal),* $(,)?) => {
        &[$(PageFile { name: $name, content: include_bytes!(concat!("../dashboard/", $name)) }),*]
    };
}

/// Every file of the page.
pub(crate) const FILES: &[PageFile] = page_files![
    "alerts.js",
    "api.js",
    "app.js",
    "changes.js",
    "collections.js",
    "components.css",
    "dialogs.js",
    "dom.js",
    "frame.css",
    "frame.js",
    "icon.svg",
    "icons.svg",
    "index.html",
    "ledger-detail.js",
    "ledger.js",
    "library.js",
    "panels.css",
    "requests.js",
    "style.css",
    "switch-hints.js",
    "switches.js",
    "tokens.css",
];

impl PageFile {
    /// The file with this name.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        FILES.iter().find(|file| file.name == name)
    }

    /// Its media type, by its ending.
    pub(crate) fn media_type(&self) -> &'static str {
        match self.name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("woff2") => "font/woff2",
            Some("png") => "image/png",
            _ => "application/octet-stream",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_compiled_in_and_has_a_media_type() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/dashboard")).unwrap();
        let mut found: Vec<String> = folder
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        let listed: Vec<&str> = FILES.iter().map(|file| file.name).collect();
        assert_eq!(found, listed);
        for file in FILES {
            assert_ne!(
                file.media_type(),
                "application/octet-stream",
                "{}",
                file.name
            );
        }
    }
}
