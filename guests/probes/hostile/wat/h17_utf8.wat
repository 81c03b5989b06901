;; Answers a header whose name is no UTF-8.
(func $handle
    (i32.store (i32.const 1028) (i32.const 2000))
    (i32.store (i32.const 1032) (i32.const 1))
    (i32.store (i32.const 2000) (i32.const 3000))
    (i32.store (i32.const 2004) (i32.const 1))
    (i32.store8 (i32.const 3000) (i32.const 0xff)))
