"""Many hosts: campaigns of firmware over a fleet, on a durable engine. A client of nvmed, like any other."""
