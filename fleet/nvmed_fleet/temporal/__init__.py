"""The engine: campaigns as Temporal workflows, and what they do to hosts as activities. Only this room knows it."""
