;; Logs a GiB: 10,000 lines of 107 KB, and one more.
(import "blnk:app/log@0.1.0" "write" (func $write (param i32 i32 i32 i32 i32)))
(memory $memory (export "memory") 4)
(func $handle (local $i i32)
    (memory.fill (i32.const 131072) (i32.const 0x41) (i32.const 107375))
    (loop $again
        (call $write (i32.const 1) (i32.const 131072) (i32.const 107375) (i32.const 0) (i32.const 0))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.le_u (local.get $i) (i32.const 10000)))))
