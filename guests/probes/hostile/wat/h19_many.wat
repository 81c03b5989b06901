;; Answers a list of 2^28 headers.
(func $handle
    (i32.store (i32.const 1028) (i32.const 2000))
    (i32.store (i32.const 1032) (i32.const 0x10000000)))
