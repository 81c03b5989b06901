//! The functions that the host gives, each with a guest that calls it and does nothing else.

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{InterfaceId, Resolve, WorldItem};

use crate::{Guest, WIT};

/// A function of the contract that guests import.
#[derive(Debug, Clone)]
pub struct HostFunction {
    /// Interface and function, such as `store.get`.
    pub name: String,
    import: String,
    parameters: Vec<WasmType>,
    results: Vec<WasmType>,
}

impl HostFunction {
    /// A guest that calls this function with empty texts, empty lists and zeros.
    pub fn caller(&self) -> Vec<u8> {
        let types =
            |types: &[WasmType]| types.iter().map(|t| word(*t)).collect::<Vec<_>>().join(" ");
        let (interface, function) = self.import.split_once('#').expect("an interface");
        let imports = format!(
            "(import \"{interface}\" \"{function}\" (func $f (param {}) (result {})))",
            types(&self.parameters),
            types(&self.results)
        )
        .replace("(param )", "")
        .replace("(result )", "");
        let zeros = self
            .parameters
            .iter()
            .map(|t| format!("({}.const 0)", word(*t)));
        let zeros = zeros.collect::<Vec<_>>().join(" ");
        let dropped = "drop ".repeat(self.results.len());
        let handle = format!("(call $f {zeros}) {dropped}");
        Guest {
            imports: &imports,
            handle: &handle,
            ..Guest::default()
        }
        .component()
    }
}

/// Every function of every interface that the contract lets a guest import.
pub fn host_functions() -> Vec<HostFunction> {
    let mut resolve = Resolve::default();
    let contract = resolve.push_str("app.wit", WIT).expect("the contract");
    let world = resolve
        .select_world(&[contract], Some("imports"))
        .expect("the world of imports");
    let imports = resolve
        .worlds
        .get(world)
        .expect("that world")
        .imports
        .values();
    let interfaces = imports.filter_map(|item| match item {
        WorldItem::Interface { id, .. } => Some(*id),
        _ => None,
    });
    interfaces.flat_map(|id| functions(&resolve, id)).collect()
}

fn functions(resolve: &Resolve, id: InterfaceId) -> Vec<HostFunction> {
    let name = resolve.id_of(id).expect("a name");
    let interface = resolve.interfaces.get(id).expect("an interface");
    let short = interface.name.as_deref().expect("a name");
    interface
        .functions
        .values()
        .map(|function| {
            let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
            HostFunction {
                name: format!("{short}.{}", function.name),
                import: format!("{name}#{}", function.name),
                parameters: signature.params,
                results: signature.results,
            }
        })
        .collect()
}

fn word(wasm: WasmType) -> &'static str {
    match wasm {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_imported_function_has_a_guest_that_calls_it() {
        let functions = host_functions();
        let named = |name: &str| functions.iter().any(|function| function.name == name);
        assert!(named("store.get") && named("data.list") && named("log.write"));
        assert!(functions.len() > 30, "only {} were found", functions.len());
        for function in functions {
            assert!(function.caller().starts_with(b"\0asm"), "{}", function.name);
        }
    }
}
