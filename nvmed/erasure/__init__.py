"""Erasing drives for good: sanitize, revert, and signed records that tell what was done."""
