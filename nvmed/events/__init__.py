"""What happened to the drives of this host: where events come from, and those who watch for them."""
