;; Speaks UTF-16, and answers a header whose name is half of a pair.
(func $handle
    (i32.store (i32.const 1028) (i32.const 2000))
    (i32.store (i32.const 1032) (i32.const 1))
    (i32.store (i32.const 2000) (i32.const 3000))
    (i32.store (i32.const 2004) (i32.const 1))
    (i32.store16 (i32.const 3000) (i32.const 0xd800)))
