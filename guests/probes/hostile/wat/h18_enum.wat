;; Logs at a level that does not exist.
(import "blnk:app/log@0.1.0" "write" (func $write (param i32 i32 i32 i32 i32)))
(func $handle (call $write (i32.const 77) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
