;; Answers a header with a NUL in its name.
(data (i32.const 3000) "et\00ag")
(func $handle
    (i32.store (i32.const 1028) (i32.const 2000))
    (i32.store (i32.const 1032) (i32.const 1))
    (i32.store (i32.const 2000) (i32.const 3000))
    (i32.store (i32.const 2004) (i32.const 5)))
