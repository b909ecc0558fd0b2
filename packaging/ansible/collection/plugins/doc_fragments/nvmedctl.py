"""Options that every module has: how the daemon is reached."""

from __future__ import annotations


class ModuleDocFragment:
    """Found by Ansible by this name."""

    DOCUMENTATION = r"""
requirements:
  - C(nvmedctl) of nvmed 0.2 or later where the module runs
options:
  address:
    description:
      - The daemon, as C(unix:/path), C(/path) or C(host:port).
      - Without it, what E(NVMED_ADDRESS) says there, else the sockets of the package.
    type: str
  ca:
    description: File of the certificates that the daemon's must be signed by; turns TLS on.
    type: path
  cert:
    description: File of the caller's certificate.
    type: path
  key:
    description: File of the caller's key.
    type: path
  server_name:
    description: Name in the daemon's certificate, if not the address's host.
    type: str
  executable:
    description: The program, if it is not on the path.
    type: path
    default: nvmedctl
  timeout:
    description: Seconds that one call may take; without it, 60, and none for what takes long.
    type: float
"""
