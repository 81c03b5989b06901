;; Answers 1,000 headers that are all the same 60 KB of its memory: 60 MB for whoever copies each.
(func $handle (local $i i32)
    (memory.fill (i32.const 20000) (i32.const 0x61) (i32.const 60000))
    (loop $again
        (i32.store (i32.add (i32.const 2000) (i32.mul (local.get $i) (i32.const 16))) (i32.const 20000))
        (i32.store (i32.add (i32.const 2004) (i32.mul (local.get $i) (i32.const 16))) (i32.const 60000))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 1000))))
    (i32.store (i32.const 1028) (i32.const 2000))
    (i32.store (i32.const 1032) (i32.const 1000)))
