;; Exports the portal with another function in it.
(component
    (core module $main (func (export "open")))
    (core instance $main (instantiate $main))
    (func $open (canon lift (core func $main "open")))
    (instance $portal (export "open" (func $open)))
    (export "blnk:app/portal@0.1.0" (instance $portal)))
