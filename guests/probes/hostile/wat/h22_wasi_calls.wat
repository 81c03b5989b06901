;; Asks WASI for the time without an end, where no function of the contract counts along.
(import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))
(func $handle (loop $again (drop (call $now)) (br $again)))
