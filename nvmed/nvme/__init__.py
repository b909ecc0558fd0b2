"""What NVMe is: bytes in, values out, no I/O.

Names and numbers follow the NVM Express Base Specification 2.0; a docstring says which section.
"""
