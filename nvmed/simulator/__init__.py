"""NVMe controllers in software: in process, or over NVMe/TCP for a real kernel to connect to.

Each floor imports those below it, never one above:

    nvme_tcp                  a target over NVMe/TCP
    host, durable             a host as a kernel shows it (Host); a drive whose firmware outlives its process
    kernel, transport         what a kernel does by itself; an open device node (Transport)
    subsystem                 a drive of a DriveSpec, powered on
    controller                executes a command: latency, faults, journal, then the table's handler
    commands.table            all commands by opcode
    commands, faults          a module for each family of commands, functions over the state; what breaks a command
    state.drive               what subsystem and controller are, and what happens to them
    state                     their parts: namespaces, firmware slots, features, health, events, ...
    spec, drives, refusal, firmware_image, lock
                              what a drive is like, how a command is refused, an image, the lock of a drive
"""
