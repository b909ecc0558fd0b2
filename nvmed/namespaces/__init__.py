"""Changing namespaces: attach, detach, create, delete, format, and letting the kernel see it."""
