"""nvmed: the management plane of a host's NVMe drives."""

__version__ = "0.2.0"
