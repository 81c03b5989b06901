//! What is the same in every guest: memory, allocator, and the export `portal.handle`.

/// The allocator, which only ever goes forward.
const ALLOCATOR: &str = r#"
(global $heap (mut i32) (i32.const 65536))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (local.get 3))))"#;

/// An answer with status 200 at `$ret`, and the export that gives it. Of the request `$method_length` is kept: enough to
/// tell GET from POST.
const HANDLE: &str = r#"
(global $ret i32 (i32.const 1024))
(global $method_length (mut i32) (i32.const 0))
(data (i32.const 1024) "\c8\00\00\00")
(func (export "blnk:app/portal@{version}#handle")
    (param i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (global.set $method_length (local.get 7))
    (call $handle)
    (global.get $ret))"#;

/// A core module around its peculiar fields, for a version of the contract. The allocator begins at the second page and never grows the memory, so a
/// request of more than a page makes the guest trap.
pub(crate) fn module(fields: &str, version: &str) -> String {
    let unless = |theirs: &str, ours: &'static str| {
        if fields.contains(theirs) { "" } else { ours }
    };
    let memory = unless(
        "(export \"memory\")",
        "(memory $memory (export \"memory\") 2)",
    );
    let allocator = unless("(export \"cabi_realloc\")", ALLOCATOR);
    let handle = HANDLE.replace("{version}", version);
    format!("(module\n{fields}\n{memory}{allocator}{handle})")
}

/// Types of the portal, in the order of the shim's own index space.
const SHIM: &str = r#"
(type $pair (tuple string string))
(type $headers (list $pair))
(type $session (record (field "id" string) (field "user-id" (option string)) (field "expires-at" u64)))
(type $request (record (field "method" string) (field "path" (list string)) (field "query" (list $pair))
    (field "headers" $headers) (field "body" (list u8))))
(type $response (record (field "status" u16) (field "headers" $headers) (field "body" (list u8))))
(func $lifted (param "session" $session) (param "request" $request) (result $response)
    (canon lift (core func $handle) (memory $memory) (realloc (func $realloc))))
(component $shim
    (type $pair (tuple string string))
    (type $headers (list $pair))
    (type $session' (record (field "id" string) (field "user-id" (option string)) (field "expires-at" u64)))
    (import "session" (type $session (eq $session')))
    (type $request' (record (field "method" string) (field "path" (list string)) (field "query" (list $pair))
        (field "headers" $headers) (field "body" (list u8))))
    (import "request" (type $request (eq $request')))
    (type $response' (record (field "status" u16) (field "headers" $headers) (field "body" (list u8))))
    (import "response" (type $response (eq $response')))
    (import "handle" (func $handle (param "session" $session) (param "request" $request) (result $response)))
    (export $told "session-of" (type $session))
    (export $asked "request-of" (type $request))
    (export $answer "response-of" (type $response))
    (export "handle" (func $handle) (func (param "session" $told) (param "request" $asked) (result $answer))))
(instance $portal (instantiate $shim (with "session" (type $session)) (with "request" (type $request))
    (with "response" (type $response)) (with "handle" (func $lifted))))
(export "blnk:app/portal@0.1.0" (instance $portal))"#;

/// A component around its peculiar fields.
pub(crate) fn component(fields: &str) -> String {
    format!("(component\n{fields}\n{SHIM})")
}
