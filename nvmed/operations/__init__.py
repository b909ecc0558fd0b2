"""What takes long or must survive: the journal, and the manager that runs operations."""
