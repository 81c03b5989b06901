//! The contract grows without breaking a guest: a host one patch further serves what was built before, and this host
//! refuses what was built for a later one.
//!
//! The later contract is made of `wit/app.wit` here: one more imported function, one more interface that an app may
//! export, and the next version.

use semver::Version;
use wasmtime::component::Component;

use super::super::bindings::blnk::app;
use super::*;
use crate::runtime::admission::Admission;
use crate::runtime::plugin::contract::{Surface, VERSION};
use crate::runtime::plugin::{LoadError, Plugin};
use crate::runtime::testing::{Guest, WIT, lay};
use crate::runtime::{App, AppStatus, Limits, Package};

/// The version after this host's.
const NEXT: Version = Version::new(0, 1, 1);

/// Says what the later contract adds to its exports, once for the text of the contract and once for the bindings.
macro_rules! added_exports {
    ($text:literal) => {
        const ADDED_EXPORTS: &str = $text;

        mod added {
            wasmtime::component::bindgen!({
                inline: $text,
                world: "only-digest",
                exports: { default: async },
            });
        }
    };
}

added_exports!(
    "package blnk:app@0.1.1;
    interface digest { count: func() -> u32; }
    world only-digest { export digest; }"
);

use added::exports::blnk::app::digest;

/// Replaces what stands in a text exactly once: a contract that has moved on must not make these tests void.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?} in the contract");
    text.replace(from, to)
}

/// The contract of the next version.
fn next_contract() -> String {
    let (_, exports) = ADDED_EXPORTS.split_once(';').unwrap();
    let text = replaced(WIT, "package blnk:app@0.1.0;", "package blnk:app@0.1.1;");
    let now = "  now: func() -> u64;";
    let text = replaced(&text, now, &format!("{now}\n  newcomer: func() -> u32;"));
    format!("{text}\n{exports}\nworld next-app {{ include app; export digest; }}")
}

/// What a host of the next version links: everything of this one under the next version's names, and the new function.
fn next_linker(engine: &Engine) -> Linker<CallState> {
    let mut linker = Linker::new(engine.wasmtime());
    macro_rules! link {
        ($($name:literal $interface:ident $view:ty => $make:expr;)*) => {$(
            let mut instance = linker.instance(concat!("blnk:app/", $name, "@0.1.1")).unwrap();
            app::$interface::add_to_linker_instance::<_, $view>(&mut instance, $make).unwrap();
        )*};
    }
    link! {
        "data" data data::View<'static> => |state: &mut CallState| data::View(state.gate());
        "ledger" ledger ledger::View<'static> => |state: &mut CallState| ledger::View(state.gate());
        "alerts" alerts alerts::View<'static> => |state: &mut CallState| alerts::View(state.gate());
        "alert-actions" alert_actions alerts::View<'static> => |state: &mut CallState| alerts::View(state.gate());
        "store" store store::View<'static> => |state: &mut CallState| store::View(state.gate());
        "connections" connections connections::View<'static> =>
            |state: &mut CallState| connections::View(state.gate());
        "jobs" jobs jobs::View<'static> => |state: &mut CallState| jobs::View(state.gate());
        "log" log log::View<'static> =>
            |state: &mut CallState| log::View { gate: state.gate(), log: &state.log };
        "context" context context::View<'static> => |state: &mut CallState| context::View(state.gate());
    }
    let mut context = linker.instance("blnk:app/context@0.1.1").unwrap();
    context
        .func_wrap("newcomer", |_, ()| Ok((42_u32,)))
        .unwrap();
    wasi::add_to_linker(&mut linker).unwrap();
    linker
}

/// Loads a guest as a host of the next version would.
fn load_by_next(world: &World, bytes: &[u8]) -> Result<Plugin, LoadError> {
    let engine = &world.runtime.0.engine;
    let manifest = "[permissions]\n\"data:read\" = \"To see.\"";
    let package = Package::read(&lay(&world.plugins, "kyc", manifest, bytes)).unwrap();
    let component = compiled(engine, package.component());
    let fitting = Surface::of(&component, engine.wasmtime()).fit(&NEXT)?;
    Plugin::link_fitting(
        &next_linker(engine),
        Arc::new(package),
        &component,
        fitting,
        &Limits::default(),
        &BTreeMap::new(),
    )
}

/// Answers a GET by a plugin, through the runtime.
async fn status_by(world: &World, plugin: Plugin) -> u16 {
    let inner = &world.runtime.0;
    let admission = Admission::new(Arc::clone(&inner.running), &Limits::default());
    let app = App::serving(Arc::new(plugin), None, Arc::new(admission));
    inner.registry.put(app, NOW);
    world.call("GET").await.0.unwrap().status
}

/// A guest that asks for the time and reads a collection that does not exist; answers 202 if the host tells it both.
fn guest_for(contract: &str, version: &str) -> Vec<u8> {
    let imports = format!(
        r#"(import "blnk:app/context@{version}" "now" (func $now (result i64)))
           (import "blnk:app/data@{version}" "list" (func $list (param i32 i32 i32 i32 i32 i32 i32 i32)))"#
    );
    // The third case of `cloud-error` is `invalid-request`: granted, requested, and refused for what it says.
    let handle = format!(
        "(call $list (i32.const 1) (i32.const 1) (i32.const 0) (i32.const 0) \
                     (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 4000)) \
         (if (i64.eq (call $now) (i64.const {})) (then \
            (i32.store8 (global.get $ret) (i32.add (i32.const 200) (i32.load8_u (i32.const 4004))))))",
        NOW.unsigned()
    );
    Guest {
        imports: &imports,
        handle: &handle,
        ..Guest::default()
    }
    .component_for(contract)
}

/// Why this host does not serve a guest.
async fn refusal(bytes: &[u8]) -> String {
    let world = World::new(&[]).await;
    lay(&world.plugins, "kyc", "", bytes);
    world.runtime.load_folder(&world.plugins).await;
    let app = world.app();
    assert_eq!(app.status(), AppStatus::Broken);
    app.reason().unwrap().to_owned()
}

fn compiled(engine: &Engine, bytes: &[u8]) -> Component {
    Component::from_binary(engine.wasmtime(), bytes).unwrap()
}

#[tokio::test]
async fn a_host_of_the_next_patch_serves_a_guest_built_for_this_one() {
    let world = World::new(&["data:read"]).await;
    let bytes = guest_for(WIT, "0.1.0");
    let plugin = load_by_next(&world, &bytes).unwrap();
    assert_eq!(plugin.surface().version, Some(VERSION));
    // What the next contract added for exporting is optional: it is looked for and not found.
    assert!(digest::GuestIndices::new(plugin.instance_pre()).is_err());
    // That host looks for the portal under its own version.
    let found =
        compiled(&world.runtime.0.engine, &bytes).get_export_index(None, "blnk:app/portal@0.1.1");
    assert!(found.is_some(), "exports of older patches are found");
    assert_eq!(status_by(&world, plugin).await, 202);
}

#[tokio::test]
async fn a_host_of_the_next_patch_serves_what_was_added() {
    let world = World::new(&["data:read"]).await;
    let grown = Guest {
        imports: r#"(import "blnk:app/context@0.1.1" "newcomer" (func $newcomer (result i32)))"#,
        fields: r#"(func (export "blnk:app/digest@0.1.1#count") (result i32) (i32.const 7))"#,
        handle: "(i32.store8 (global.get $ret) (i32.add (i32.const 200) (call $newcomer)))",
        world: "next-app",
    }
    .component_for(&next_contract());
    let plugin = load_by_next(&world, &grown).unwrap();
    assert!(digest::GuestIndices::new(plugin.instance_pre()).is_ok());
    assert_eq!(status_by(&world, plugin).await, 242);
}

#[tokio::test]
async fn h14_a_guest_built_for_the_next_patch_is_refused_though_it_uses_nothing_new() {
    let bytes = guest_for(&next_contract(), "0.1.1");
    assert_eq!(
        refusal(&bytes).await,
        "app.wasm built for blnk:app 0.1.1; this host serves 0.1; update the host, or build the app with the contract \
         that comes with this host"
    );
    // The linker alone would have let it through.
    let world = World::new(&[]).await;
    let inner = &world.runtime.0;
    let component = compiled(&inner.engine, &bytes);
    assert!(inner.linker.instantiate_pre(&component).is_ok());
}

#[tokio::test]
async fn h14_a_guest_built_for_another_minor_is_refused_by_this_host_and_by_the_next_patch() {
    let contract = replaced(WIT, "package blnk:app@0.1.0;", "package blnk:app@0.2.0;");
    let bytes = guest_for(&contract, "0.2.0");
    let reason = refusal(&bytes).await;
    assert!(
        reason.starts_with("app.wasm built for blnk:app 0.2; this host serves 0.1; "),
        "{reason}"
    );
    let world = World::new(&[]).await;
    let error = load_by_next(&world, &bytes).err().unwrap().to_string();
    assert!(
        error.starts_with("app.wasm built for blnk:app 0.2; this host serves 0.1.0 to 0.1.1; "),
        "{error}"
    );
}
