;; Answers the status 101, as if it wanted to change the protocol.
(func $handle (i32.store16 (global.get $ret) (i32.const 101)))
