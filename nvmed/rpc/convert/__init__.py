"""Values of the other packages as messages of the contract, and back: a module for each kind of thing."""
