"""NVMe controllers in software: in process, or over NVMe/TCP for a real kernel to connect to.

`spec` says what a drive is like, `subsystem` makes it, `controller` executes its commands, `host` shows it as a kernel
does, `faults` breaks it. The rest are the topics of a controller: one module each.
"""
