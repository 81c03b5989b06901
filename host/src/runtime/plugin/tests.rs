//! Tests of loading: what is no component, does not fit the contract, or could never be started.

use super::*;
use crate::runtime::engine::EngineSettings;
use crate::runtime::host;
use crate::runtime::load::code::CompiledCode;
use crate::runtime::load::scan::ScanLimits;
use crate::runtime::testing::{Guest, guest, lay};

fn load(manifest: &str, component: &[u8]) -> Result<Plugin, LoadError> {
    load_with(manifest, component, &BTreeMap::new())
}

fn load_with(
    manifest: &str,
    component: &[u8],
    settings: &BTreeMap<String, String>,
) -> Result<Plugin, LoadError> {
    let engine = Engine::new(&EngineSettings {
        concurrent_calls: 8,
        ..EngineSettings::default()
    })
    .unwrap();
    let linker = host::linker(&engine).unwrap();
    let plugins = tempfile::tempdir().unwrap();
    let package = Package::read(&lay(plugins.path(), "kyc", manifest, component)).unwrap();
    let (limits, _) = Limits::default().lowered(&package.manifest().limits);
    let scan = ScanLimits {
        memory_bytes: limits.memory_bytes as u64,
    };
    let code = CompiledCode::compile(&engine, package.component(), scan)?;
    let component = code
        .component(&engine)
        .map_err(|error| LoadError::Invalid(quote(&error)))?;
    Plugin::link(
        &engine,
        &linker,
        Arc::new(package),
        &component,
        &Limits::default(),
        settings,
    )
}

fn error(component: &[u8]) -> String {
    match load("", component) {
        Ok(_) => panic!("it loaded"),
        Err(error) => error.to_string(),
    }
}

fn text_error(text: &str) -> String {
    error(&wat::parse_str(text).unwrap())
}

#[test]
fn h12_what_is_no_component_is_named_with_what_helps() {
    for (bytes, expected) in [
        (b"".as_slice(), "app.wasm is empty; build the app again"),
        (
            b"hello",
            "app.wasm is not WebAssembly; drop in the component that the build made",
        ),
        (
            b" (component)",
            "app.wasm is WebAssembly text; turn it into a binary, for example with wasm-tools parse",
        ),
        (
            b"\x7fELF\x02",
            "app.wasm is compiled code (a .cwasm or another native file)",
        ),
        (
            b"\0asm\x01\0\0\0",
            "app.wasm is a core module, not a component; Rust: build with --target wasm32-wasip2",
        ),
        (
            b"\0asm\x0a\0\x01\0",
            "app.wasm is WebAssembly of another version",
        ),
    ] {
        let text = error(bytes);
        assert!(text.starts_with(expected), "{text}");
    }
    let mut cut = guest("");
    cut.truncate(cut.len() / 2);
    assert!(
        error(&cut).starts_with("app.wasm is not a whole component: "),
        "{}",
        error(&cut)
    );
}

#[test]
fn h13_imports_that_this_host_does_not_give_are_named() {
    let text = text_error(
        r#"(component (import "wasi:http/types@0.2.0" (instance)) (import "wasi:sockets/tcp@0.2.0" (instance)))"#,
    );
    assert!(
        text.contains("wasi:http/types@0.2.0, wasi:sockets/tcp@0.2.0"),
        "{text}"
    );
    assert!(text.contains("disableFeatures"), "{text}");
    let text = text_error(r#"(component (import "env" (func)))"#);
    assert!(text.contains("function env"), "{text}");
}

#[test]
fn h14_exports_and_versions_are_checked() {
    assert!(text_error("(component)").contains("does not export blnk:app/portal"));
    let text = text_error(r#"(component (import "blnk:app/context@0.2.0" (instance)))"#);
    assert!(
        text.starts_with("app.wasm built for blnk:app 0.2; this host serves 0.1;"),
        "{text}"
    );
}

#[test]
fn a_function_that_the_contract_does_not_have_is_refused() {
    let text = text_error(
        r#"(component
            (import "blnk:app/context@0.1.0" (instance (export "teleport" (func))))
            (instance $portal) (export "blnk:app/portal@0.1.0" (instance $portal)))"#,
    );
    assert!(
        text.starts_with("app.wasm does not fit the contract: ") && text.contains("teleport"),
        "{text}"
    );
}

#[test]
fn h08_a_memory_over_the_apps_own_ceiling_is_refused() {
    let large = Guest {
        fields: "",
        handle: "",
        ..Guest::default()
    }
    .component();
    assert!(load("", &large).is_ok());
    let text = text_error(
        r#"(component (core module $m (memory 1024)) (core instance (instantiate $m)) (core instance (instantiate $m))
            (instance $portal) (export "blnk:app/portal@0.1.0" (instance $portal)))"#,
    );
    // Each memory fits; the portal is found wanting first. Both at once are refused when it is started.
    assert!(
        text.starts_with("app.wasm does not fit the contract"),
        "{text}"
    );
    let manifest = "[limits]\nmemory_mib = 1";
    let hungry = wat::parse_str(
        r#"(component (core module $m (memory 17)) (core instance (instantiate $m))
            (instance $portal) (export "blnk:app/portal@0.1.0" (instance $portal)))"#,
    )
    .unwrap();
    let text = load(manifest, &hungry).err().unwrap().to_string();
    assert_eq!(
        text,
        "app.wasm has a memory that begins with a size of 2 MiB; it may have 1 MiB; \
         try: a smaller initial memory, or a higher memory_mib by the operator"
    );
}

#[test]
fn surplus_imports_load_with_a_warning() {
    let importing = Guest {
        imports: r#"(import "blnk:app/alerts@0.1.0" "list" (func $list (param i32)))"#,
        handle: "(call $list (i32.const 4000))",
        ..Guest::default()
    }
    .component();
    let plugin = load("", &importing).unwrap();
    assert_eq!(plugin.surface().scopes, [Permission::AlertsRead].into());
    assert_eq!(
        plugin.warnings(),
        [
            "the component can use alerts:read, which [permissions] does not ask for: such calls answer not-requested"
        ]
    );
    let plugin = load("[permissions]\n\"alerts:read\" = \"To see.\"", &importing).unwrap();
    assert_eq!(plugin.warnings().len(), 0);
}

#[test]
fn the_operators_settings_stand_over_the_defaults_and_unknown_ones_are_reported() {
    let operator = [("a", "mine"), ("typo", "x")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let plugin = load_with(
        "[settings]\na = \"default\"\nb = \"kept\"",
        &guest(""),
        &operator,
    )
    .unwrap();
    assert_eq!(plugin.settings()["a"], "mine");
    assert_eq!(plugin.settings()["b"], "kept");
    assert!(!plugin.settings().contains_key("typo"));
    assert!(
        plugin.warnings()[0].contains("\"typo\""),
        "{:?}",
        plugin.warnings()
    );
}

#[test]
fn h13_names_with_control_characters_and_many_long_ones_make_a_short_plain_reason() {
    let plain = |text: &str| {
        assert!(text.len() < 2500, "{} bytes", text.len());
        assert!(!text.contains(char::is_control), "{text:?}");
    };
    let wild = text_error(r#"(component (import "url=<\1b[31m\0aforged>" (func)))"#);
    plain(&wild);
    assert!(
        wild.contains(r"function url=<\u{1b}[31m\nforged>"),
        "{wild}"
    );
    let long = "x".repeat(50_000);
    let imports = (0..30).map(|number| format!(r#"(import "n{number}-{long}" (func))"#));
    let imports: Vec<_> = imports.collect();
    let many = text_error(&format!("(component {})", imports.concat()));
    plain(&many);
    assert!(
        many.contains("function n0-xxx") && many.contains(" and 10 more; try: "),
        "{many}"
    );
    let exports = (0..30).map(|number| format!(r#"(export "e{number}-{long}" (instance $i))"#));
    let exports: Vec<_> = exports.collect();
    let exports = exports.concat();
    let exports = text_error(&format!("(component (instance $i) {exports})"));
    plain(&exports);
    assert!(exports.ends_with(" and 10 more"), "{exports}");
    plain(&text_error(&format!(
        r#"(component (import "blnk:app/context@0.1.0-{long}" (instance)))"#
    )));
}
