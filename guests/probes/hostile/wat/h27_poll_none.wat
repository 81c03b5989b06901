;; Waits for none of no things.
(import "wasi:io/poll@0.2.0" "poll" (func $poll (param i32 i32 i32)))
(func $handle (call $poll (i32.const 2000) (i32.const 0) (i32.const 4000)))
