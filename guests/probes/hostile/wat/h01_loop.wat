;; Loops for ever.
(func $handle (loop $again (br $again)))
