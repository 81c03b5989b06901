;; Answers headers at an odd address.
(func $handle
    (i32.store (i32.const 1028) (i32.const 2001))
    (i32.store (i32.const 1032) (i32.const 1)))
