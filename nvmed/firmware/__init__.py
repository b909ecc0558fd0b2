"""Firmware as a transaction: images in the spool, staging, activation, verification, rollback and resets."""
