;; Fills 60 MiB of memory again and again: each time is one instruction, and no clock is looked at within it.
(func $handle
    (drop (memory.grow (i32.const 1000)))
    (loop $again
        (memory.fill (i32.const 131072) (i32.const 1) (i32.const 62914560))
        (br $again)))
