;; Waits for a million things, which are all the same one.
(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $after (param i64) (result i32)))
(import "wasi:io/poll@0.2.0" "poll" (func $poll (param i32 i32 i32)))
(memory $memory (export "memory") 70)
(func $handle (local $handle i32) (local $i i32)
    (local.set $handle (call $after (i64.const 0)))
    (loop $again
        (i32.store (i32.add (i32.const 131072) (i32.mul (local.get $i) (i32.const 4))) (local.get $handle))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 1000000))))
    (call $poll (i32.const 131072) (i32.const 1000000) (i32.const 4000)))
