;; Looks at the clock 5,000 times: answers 201 if every time was a whole number of milliseconds.
(import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
(func $handle (local $i i32) (local $time i64)
    (i32.store8 (global.get $ret) (i32.const 201))
    (loop $again
        (local.set $time (call $now))
        (if (i64.ne (i64.rem_u (local.get $time) (i64.const 1000000)) (i64.const 0))
            (then (i32.store8 (global.get $ret) (i32.const 202))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 5000)))))
