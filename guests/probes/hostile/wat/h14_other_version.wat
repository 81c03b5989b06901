;; Was built for a contract of the future.
(component (import "blnk:app/context@0.2.0" (instance)))
