;; Wants futures.
(component
    (type $later (future u8))
    (core func $new (canon future.new $later))
    (core module $main (import "" "new" (func (result i64))))
    (core instance (instantiate $main (with "" (instance (export "new" (func $new)))))))
