;; Asks the contract for a MiB of random bytes.
(import "blnk:app/context@0.1.0" "random" (func $random (param i32 i32)))
(func $handle (call $random (i32.const 0x100000) (i32.const 4000)))
