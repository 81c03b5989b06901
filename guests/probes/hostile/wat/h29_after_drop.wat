;; Waits for a timer that it has dropped.
(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $after (param i64) (result i32)))
(import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop (param i32)))
(func $handle (local $handle i32)
    (local.set $handle (call $after (i64.const 0)))
    (call $drop (local.get $handle))
    (call $block (local.get $handle)))
