;; Asks the host for the time ten million times.
(import "blnk:app/context@0.1.0" "now" (func $now (result i64)))
(func $handle (local $i i32)
    (loop $again
        (drop (call $now))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 10000000)))))
