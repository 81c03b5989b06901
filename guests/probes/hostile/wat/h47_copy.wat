;; Copies 30 MiB of memory to and fro: each time is one instruction.
(func $handle
    (drop (memory.grow (i32.const 1000)))
    (loop $again
        (memory.copy (i32.const 131072) (i32.const 31588352) (i32.const 31457280))
        (br $again)))
