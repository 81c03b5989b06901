;; Wants 4 GiB of memory from the start.
(memory (export "memory") 65536)
(func $handle)
