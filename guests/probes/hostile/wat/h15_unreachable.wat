;; Crashes on purpose.
(func $handle (unreachable))
