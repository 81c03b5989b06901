;; Answers a body of 60 MiB, all of it in its memory.
(func $handle
    (drop (memory.grow (i32.const 1000)))
    (i32.store (i32.const 1036) (i32.const 131072))
    (i32.store (i32.const 1040) (i32.const 62914560)))
