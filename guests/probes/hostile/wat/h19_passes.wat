;; Hands the host a value of 60 MiB to store.
(import "blnk:app/store@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32 i64 i32)))
(data (i32.const 2000) "key")
(func $handle
    (drop (memory.grow (i32.const 1000)))
    (call $set (i32.const 2000) (i32.const 3) (i32.const 131072) (i32.const 62914560)
        (i32.const 0) (i64.const 0) (i32.const 4000)))
