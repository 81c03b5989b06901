;; Answers a header whose value ends the line and begins another header.
(data (i32.const 3000) "etag")
(data (i32.const 3010) "a\0d\0aset-cookie: b=c")
(func $handle
    (i32.store (i32.const 1028) (i32.const 2000))
    (i32.store (i32.const 1032) (i32.const 1))
    (i32.store (i32.const 2000) (i32.const 3000))
    (i32.store (i32.const 2004) (i32.const 4))
    (i32.store (i32.const 2008) (i32.const 3010))
    (i32.store (i32.const 2012) (i32.const 18)))
