;; Ends its program, and says that it failed.
(import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))
(func $handle (call $exit (i32.const 1)))
