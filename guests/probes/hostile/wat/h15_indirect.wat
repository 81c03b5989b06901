;; Calls through a table at a place where there is nothing.
(table 1 funcref)
(type $nothing (func))
(func $handle (call_indirect (type $nothing) (i32.const 0)))
