;; Works for some microseconds, calls the host, and so on for ever, in the hope to look idle.
(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $after (param i64) (result i32)))
(import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop (param i32)))
(func $handle (local $i i32) (local $timer i32)
    (loop $again
        (local.set $i (i32.const 0))
        (loop $work
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $work (i32.lt_u (local.get $i) (i32.const 1000000))))
        (local.set $timer (call $after (i64.const 1000)))
        (call $block (local.get $timer))
        (call $drop (local.get $timer))
        (br $again)))
