"""NVMe controllers in software: in process, or over NVMe/TCP for a real kernel to connect to.

Each floor imports those below it, never one above:

    nvme_tcp                  a target over NVMe/TCP
    fault_socket, fault_switch    faults that are switched while a host runs, from another process
    host, durable             a host as a kernel shows it (Host); a drive whose firmware outlives its process
    kernel, transport, replay what a kernel does by itself; an open device node (Transport); a recorded drive
    subsystem                 a drive of a DriveSpec, powered on
    controller                executes a command: latency, faults, journal, then the table's handler
    commands.table            all commands by opcode
    commands, faults          a module for each family of commands, functions over the state; what breaks a command
    state.drive               what subsystem and controller are, and what happens to them
    state                     their parts: namespaces, firmware slots, features, health, events, ...
    recorder, recording, masking  what a drive answered, its file, and whose it was taken out of it
    keyring, fault_file       a kernel's keyrings; what can be wrong with a drive, as a file
    spec, drives, refusal, firmware_image, lock
                              what a drive is like, how a command is refused, an image, the lock of a drive
"""
