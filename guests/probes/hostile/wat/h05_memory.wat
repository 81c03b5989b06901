;; Asks for memory until it gets no more, and answers 201 if it got exactly 64 MiB.
(func $handle
    (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (if (i32.eq (memory.size) (i32.const 1024))
        (then (i32.store8 (global.get $ret) (i32.const 201)))))
