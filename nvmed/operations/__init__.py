"""What takes long or must survive: journal, manager, spool, firmware, guards."""
