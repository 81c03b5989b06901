;; Wants to return its answer later: asynchronous functions.
(component
    (core func $return (canon task.return (result u32)))
    (core module $main (import "" "return" (func (param i32))))
    (core instance (instantiate $main (with "" (instance (export "return" (func $return)))))))
