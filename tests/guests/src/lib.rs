//! Guests for tests, written by hand as WebAssembly text.
//!
//! A guest that misbehaves is easiest to write without a compiler in between. The text holds what is peculiar to it, the
//! frame around it (memory, allocator, exports) is added here, and the result is a component of the contract in `wit/`.
//!
//! The text is one of three things, told apart by its first form:
//!
//! | begins with | is | has | the frame adds |
//! | --- | --- | --- | --- |
//! | `(component` | a whole component | everything | nothing |
//! | `(core` | the inside of a component | `(core func $handle …)`, `(core memory $memory …)`, `(core func $realloc …)` | the export |
//! | anything else | the inside of a core module | `(func $handle …)` | memory, allocator and export, where the text has none of its own |
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test without its guest ends by a panic"
)]

mod frame;
mod hosts;
mod probes;

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{PackageId, Resolve};

pub use hosts::{HostFunction, host_functions};
pub use probes::{Probe, probes};

/// The contract.
pub const WIT: &str = include_str!("../../../wit/app.wit");
/// WASI, as far as these guests use it.
const WASI: &str = include_str!("../wasi.wit");

/// Its version.
const VERSION: &str = "0.1.0";

/// Packages of WIT, and in which of them a world is looked for, in that order.
type Worlds = (Resolve, Vec<PackageId>);

/// The worlds of these guests, and those of the contract below them.
fn worlds() -> Worlds {
    let mut resolve = Resolve::default();
    let contract = resolve.push_str("app.wit", WIT).expect("the contract");
    let wasi = resolve.push_str("wasi.wit", WASI).expect("the worlds");
    (resolve, vec![wasi, contract])
}

/// A guest by its peculiar parts.
///
/// `handle` answers 200 without headers and body unless its instructions write otherwise: an answer is five numbers from
/// `$ret` on, namely status (two bytes of the first four), address and number of the headers, address and length of the
/// body. `$i` is a number for loops.
#[derive(Debug, Clone, Copy)]
pub struct Guest<'a> {
    /// Imports, which stand before everything else.
    pub imports: &'a str,
    /// More fields of the module.
    pub fields: &'a str,
    /// Instructions of `handle`.
    pub handle: &'a str,
    /// `app`, `custom-app`, or a world of the contract it is built for.
    pub world: &'a str,
}

impl Default for Guest<'_> {
    fn default() -> Self {
        Self {
            imports: "",
            fields: "",
            handle: "",
            world: "app",
        }
    }
}

impl Guest<'_> {
    /// The component.
    pub fn component(&self) -> Vec<u8> {
        let text = frame::module(&self.text(), VERSION);
        of_module(&text, &worlds(), self.world, StringEncoding::UTF8)
    }

    /// The component, built for another contract than this host's. Imports name their version themselves.
    pub fn component_for(&self, contract: &str) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("app.wit", contract).expect("a contract");
        let version = resolve
            .packages
            .get(package)
            .and_then(|package| package.name.version.clone())
            .expect("a version");
        let text = frame::module(&self.text(), &version.to_string());
        let worlds = (resolve, vec![package]);
        of_module(&text, &worlds, self.world, StringEncoding::UTF8)
    }

    fn text(&self) -> String {
        format!(
            "{}\n{}\n(func $handle (local $i i32)\n{}\n)",
            self.imports, self.fields, self.handle
        )
    }
}

/// A guest whose `handle` has these instructions.
pub fn guest(handle: &str) -> Vec<u8> {
    Guest {
        handle,
        ..Guest::default()
    }
    .component()
}

/// The component of a text, whose strings are UTF-8.
pub fn component(text: &str) -> Vec<u8> {
    encoded(text, StringEncoding::UTF8)
}

/// The component of a text, whose strings are UTF-16.
pub fn component_in_utf16(text: &str) -> Vec<u8> {
    encoded(text, StringEncoding::UTF16)
}

fn encoded(text: &str, encoding: StringEncoding) -> Vec<u8> {
    match first_form(text) {
        form if form.starts_with("(component") => binary(text),
        form if form.starts_with("(core") => binary(&frame::component(text)),
        _ => of_module(&frame::module(text, VERSION), &worlds(), "app", encoding),
    }
}

/// What follows the comments at the beginning.
fn first_form(text: &str) -> &str {
    let mut rest = text.trim_start();
    while rest.starts_with(";;") {
        rest = rest
            .split_once('\n')
            .map_or("", |(_, after)| after.trim_start());
    }
    rest
}

fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The component of a core module.
fn of_module(text: &str, worlds: &Worlds, world: &str, encoding: StringEncoding) -> Vec<u8> {
    let mut module = binary(text);
    let (resolve, packages) = worlds;
    let world = packages
        .iter()
        .find_map(|package| resolve.select_world(&[*package], Some(world)).ok())
        .unwrap_or_else(|| panic!("there is no world {world}"));
    wit_component::embed_component_metadata(&mut module, resolve, world, encoding)
        .expect("the world fits into a section");
    ComponentEncoder::default()
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .unwrap_or_else(|error| panic!("{error:#}\n{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_is_found_behind_comments() {
        assert_eq!(first_form(";; a\n;; b\n  (component)"), "(component)");
        assert_eq!(first_form(""), "");
        assert_eq!(first_form(";; only"), "");
    }
}
