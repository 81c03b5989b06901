;; Imports a function of the host that the host does not have.
(component
    (import "blnk:app/context@0.1.0" (instance (export "api-key" (func (result string)))))
    (instance $portal)
    (export "blnk:app/portal@0.1.0" (instance $portal)))
