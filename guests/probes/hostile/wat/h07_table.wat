;; Asks for the largest table there is, then fills up a small one: answers 201 if 20,000 elements were the end of it.
(table $table 1 funcref)
(func $handle
    (if (i32.ne (table.grow $table (ref.null func) (i32.const 0xfffffffe)) (i32.const -1)) (then (unreachable)))
    (if (i32.eq (table.grow $table (ref.null func) (i32.const 19999)) (i32.const -1)) (then (unreachable)))
    (if (i32.eq (table.grow $table (ref.null func) (i32.const 1)) (i32.const -1))
        (then (i32.store8 (global.get $ret) (i32.const 201)))))
