;; Asks WASI for 2^40 random bytes.
(import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))
(func $handle (call $random (i64.const 0x10000000000) (i32.const 4000)))
