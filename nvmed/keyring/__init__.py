"""TLS keys in the kernel's keyrings and DH-HMAC-CHAP secrets of connections: stored, listed, replaced, rotated."""
