;; Asks for a page that is neither there nor not there.
(import "blnk:app/data@0.1.0" "list" (func $list (param i32 i32 i32 i32 i32 i32 i32 i32)))
(func $handle
    (call $list (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 4000)))
