"""What a simulated drive executes: a module for each family of commands, made of functions over the drive's state.

A handler is given a `ControllerState` and a `Request`, and returns dwords 0 and 1 of the completion or raises
`Refused`. `table` lists all of them by opcode.
"""
