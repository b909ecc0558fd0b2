"""Values of the rooms below as messages of the contract, and back: a module for each kind of thing."""
