;; Wants a table of 100 million elements from the start.
(table 100000000 funcref)
(func $handle)
