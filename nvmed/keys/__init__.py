"""What keys are: TLS pre-shared keys and DH-HMAC-CHAP secrets, computed and parsed, without I/O."""
