"""Telemetry logs on the host's disk: captured at the drive's speed, whole or not there, kept within quotas."""
