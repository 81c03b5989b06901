;; Reads far behind its memory.
(func $handle (drop (i32.load (i32.const 0x7fffffff))))
