;; Waits for something to be typed: answers 201 if its standard input is closed.
(import "wasi:cli/stdin@0.2.0" "get-stdin" (func $stdin (result i32)))
(import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
(func $handle
    (call $read (call $stdin) (i64.const 100) (i32.const 4000))
    (if (i32.and (i32.load8_u (i32.const 4000)) (i32.load8_u (i32.const 4004)))
        (then (i32.store8 (global.get $ret) (i32.const 201)))))
