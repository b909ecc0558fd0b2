"""What a simulated drive is: the state of a subsystem, its controllers and namespaces, and how it changes.

`drive` puts the parts together. None of them knows a command: those are `nvmed.simulator.commands`.
"""
