;; Sets a record under a condition that does not exist.
(import "blnk:app/store@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32 i64 i32)))
(data (i32.const 2000) "key")
(func $handle
    (call $set (i32.const 2000) (i32.const 3) (i32.const 0) (i32.const 0)
        (i32.const 99) (i64.const 0) (i32.const 4000)))
