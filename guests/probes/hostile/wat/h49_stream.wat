;; Wants streams.
(component
    (type $bytes (stream u8))
    (core func $new (canon stream.new $bytes))
    (core module $main (import "" "new" (func (result i64))))
    (core instance (instantiate $main (with "" (instance (export "new" (func $new)))))))
