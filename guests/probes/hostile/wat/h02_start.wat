;; Loops for ever before anybody has called it: in its start function.
(func $start (loop $again (br $again)))
(start $start)
(func $handle)
