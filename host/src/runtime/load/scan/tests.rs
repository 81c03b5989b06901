//! Tests of the scan: each count just within its limit and just past it.

use super::*;

const LIMITS: ScanLimits = ScanLimits {
    memory_bytes: 64 * MIB as u64,
};

fn scanned(text: &str) -> Result<(), String> {
    scan(&wat::parse_str(text).unwrap(), LIMITS).map_err(|error| error.to_string())
}

fn module(fields: &str) -> Result<(), String> {
    scanned(&format!("(component (core module {fields}))"))
}

/// `most` of something pass, and one more is refused by this sentence.
fn assert_limit(most: u64, build: impl Fn(usize) -> String, expected: &str) {
    let most = usize::try_from(most).unwrap();
    assert_eq!(scanned(&build(most)), Ok(()), "{most} are too many");
    let text = scanned(&build(most + 1)).unwrap_err();
    assert!(text.starts_with(expected), "{text}");
}

fn repeated(fields: &str, times: usize) -> String {
    format!("(component (core module {}))", fields.repeat(times))
}

#[test]
fn what_real_toolchains_make_passes() {
    assert_eq!(scan(&crate::runtime::testing::guest(""), LIMITS), Ok(()));
}

#[test]
fn h12_what_is_cut_short_is_named() {
    let whole = crate::runtime::testing::guest("");
    for length in [9, whole.len() / 2, whole.len() - 1] {
        let text = scan(&whole[..length], LIMITS).unwrap_err().to_string();
        assert!(text.starts_with("is not a whole component: "), "{text}");
    }
}

#[test]
fn h08_a_huge_initial_memory_is_refused() {
    assert_eq!(module("(memory 1024)"), Ok(()));
    assert_eq!(
        module("(memory 1025)").unwrap_err(),
        "has a memory that begins with a size of 65 MiB; it may have 64 MiB; \
         try: a smaller initial memory, or a higher memory_mib by the operator"
    );
    assert!(module("(memory i64 0xffffffffffff)").is_err());
}

#[test]
fn h08_a_huge_initial_table_is_refused() {
    assert_eq!(module("(table 20000 funcref)"), Ok(()));
    let text = module("(table 20001 funcref)").unwrap_err();
    assert!(
        text.starts_with(
            "has a table that begins with a size of 20001 elements; it may have 20000 elements;"
        ),
        "{text}"
    );
}

#[test]
fn h09_a_flood_of_types_is_refused() {
    assert_limit(
        MAX_NAMES,
        |count| repeated("(type (func))", count),
        "has 50001 types; a component may have 50000; try: ",
    );
    assert_limit(
        MAX_NAMES,
        |count| format!("(component {})", "(type u8)".repeat(count)),
        "has 50001 types;",
    );
    assert_limit(
        MAX_NAMES - 1,
        |count| {
            format!(
                "(component (type (instance {})))",
                "(type u8)".repeat(count)
            )
        },
        "has 50001 types;",
    );
}

#[test]
fn h09_a_flood_of_imports_and_exports_is_refused() {
    let imports = |count: usize| {
        let imports = (0..count).map(|number| format!("(import \"\" \"{number}\" (func))"));
        format!("(component (core module {}))", imports.collect::<String>())
    };
    assert_limit(MAX_NAMES, imports, "has 50001 imports;");
    let exports = |count: usize| {
        let exports = (0..count).map(|number| format!("(export \"{number}\" (func 0))"));
        format!(
            "(component (core module (func) {}))",
            exports.collect::<String>()
        )
    };
    assert_limit(MAX_NAMES, exports, "has 50001 exports;");
}

#[test]
fn h09_a_flood_of_functions_segments_and_globals_is_refused() {
    assert_limit(
        MAX_FUNCTIONS,
        |count| repeated("(func)", count),
        "has 200001 functions;",
    );
    assert_limit(
        MAX_SEGMENTS,
        |count| repeated("(data \"\")", count),
        "has 20001 segments of data;",
    );
    assert_limit(
        MAX_SEGMENTS,
        |count| repeated("(elem funcref)", count),
        "has 20001 segments of elements;",
    );
    assert_limit(
        MAX_GLOBALS,
        |count| repeated("(global i32 (i32.const 0))", count),
        "has 50001 globals;",
    );
}

#[test]
fn h06_more_instances_memories_and_tables_than_the_pool_gives_are_refused() {
    assert_limit(
        200,
        |count| {
            let instances = "(core instance (instantiate $m))".repeat(count);
            format!("(component (core module $m) {instances})")
        },
        "has 201 instances of modules; a component may have 200;",
    );
    let modules = |field: &str, count: usize| {
        format!(
            "(component {})",
            format!("(core module {field})").repeat(count)
        )
    };
    assert_limit(20, |count| modules("(memory 1)", count), "has 21 memories;");
    assert_limit(
        20,
        |count| modules("(table 1 funcref)", count),
        "has 21 tables;",
    );
}

#[test]
fn h10_a_giant_function_and_a_flood_of_locals_are_refused() {
    // Each is two bytes of code; the count of locals and the end take two more.
    let half = usize::try_from(MAX_FUNCTION_BYTES).unwrap() / 2;
    let giant = |pairs: usize| {
        format!(
            "(component (core module (func {})))",
            "nop nop ".repeat(pairs)
        )
    };
    assert_eq!(scanned(&giant(half - 1)), Ok(()));
    let text = scanned(&giant(half)).unwrap_err();
    assert!(
        text.starts_with("has a function with code of 3 MiB; it may have 2 MiB; try: split"),
        "{text}"
    );
    assert_limit(
        MAX_LOCALS,
        |count| {
            format!(
                "(component (core module (func (local {}))))",
                "i64 ".repeat(count)
            )
        },
        "has a function with more locals than fit: a number of at least 10001; it may have 10000;",
    );
}

#[test]
fn components_within_components_end_somewhere() {
    assert_limit(
        MAX_DEPTH as u64,
        |count| format!("{}{}", "(component ".repeat(count), ")".repeat(count)),
        "has 11 levels of components within components; a component may have 10;",
    );
}

#[test]
fn h49_asynchronous_components_are_refused_by_name() {
    for (text, expected) in [
        ("(component (type (stream u8)))", "a stream"),
        ("(component (type (future)))", "a future"),
        (
            "(component (import \"a\" (instance (export \"f\" (func async)))))",
            "a function",
        ),
        (
            "(component (type $s (stream u8)) (core func (canon stream.new $s)))",
            "a stream",
        ),
        (
            "(component (core func (canon task.cancel)))",
            "a task or thread",
        ),
        (
            "(component (import \"f\" (func $f)) (core func (canon lower (func $f) async)))",
            "a function",
        ),
    ] {
        let error = scanned(text).unwrap_err();
        assert_eq!(
            error,
            format!(
                "uses {expected} of the asynchronous component model, which this host does not run; \
                 try: build the app for WASI 0.2, with plain functions"
            ),
            "{text}"
        );
    }
}
