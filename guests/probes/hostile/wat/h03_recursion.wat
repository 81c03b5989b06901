;; Calls itself without an end, and keeps every frame.
(func $deeper (call $deeper) (call $deeper))
(func $handle (call $deeper))
