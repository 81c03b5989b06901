;; Wants sockets, files, HTTP, and something that nobody has heard of.
(component
    (import "wasi:sockets/tcp@0.2.0" (instance))
    (import "wasi:filesystem/preopens@0.2.0" (instance))
    (import "wasi:http/outgoing-handler@0.2.0" (instance))
    (import "evil:backdoor/open@1.0.0" (instance)))
