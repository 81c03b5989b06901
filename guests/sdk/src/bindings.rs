//! What `wit-bindgen` makes of the contract in `wit/`. Raw: apps use the wrappers of this crate.
//!
//! Outside WebAssembly the imports are stubs that must not be called; the rest of the crate never does, so an app's logic is
//! tested natively against another [`Host`](crate::Host).

wit_bindgen::generate!({
    path: "../../wit",
    world: "custom-app",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "airlock_guest::bindings",
    runtime_path: "::wit_bindgen::rt",
});
