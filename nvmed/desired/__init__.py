"""What a drive should be: what differs, and the operation that makes it so. Above the trades, which do the work."""
