;; Waits for a thing whose handle it made up.
(import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
(func $handle (call $block (i32.const 12345)))
