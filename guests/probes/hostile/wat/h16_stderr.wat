;; Screams 100 MB to its standard error in lines of 4 KiB, before it would crash.
(import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
(import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
(func $handle (local $stream i32) (local $i i32)
    (memory.fill (i32.const 8192) (i32.const 0x41) (i32.const 4095))
    (i32.store8 (i32.const 12287) (i32.const 0x0a))
    (local.set $stream (call $stderr))
    (loop $again
        (call $write (local.get $stream) (i32.const 8192) (i32.const 4096) (i32.const 4096))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 25600))))
    (unreachable))
