;; Logs a line that would like to be several: line ends, a forged record, colors, and text that runs backwards.
(import "blnk:app/log@0.1.0" "write" (func $write (param i32 i32 i32 i32 i32)))
(data (i32.const 2000)
    "first\0a{\22level\22:\22ERROR\22,\22message\22:\22forged\22}\0d\0a\1b[2J\1b[31mred\e2\80\aebackwards\e2\80\a8last\00end")
(func $handle (call $write (i32.const 2) (i32.const 2000) (i32.const 79) (i32.const 0) (i32.const 0)))
