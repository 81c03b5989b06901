;; Asks for 4 GiB of memory at once, and crashes because it gets none.
(func $handle
    (if (i32.eq (memory.grow (i32.const 65534)) (i32.const -1)) (then (unreachable))))
