#!/usr/bin/python
# Apache License 2.0, see https://www.apache.org/licenses/LICENSE-2.0

"""The module `tls_key`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_key
short_description: Put TLS PSKs of NVMe/TCP into a host's keyring, or revoke them
description:
  - The secret goes to C(nvmedctl) by standard input, and neither is logged nor returned.
  - A key of the same identity is the same key, as the identity holds a digest of it; it is then left alone.
version_added: 0.2.0
author: The nvmed authors (@nvmed)
extends_documentation_fragment: nvmed.nvmed.nvmedctl
options:
  host_nqn:
    description: NQN of the host.
    type: str
    required: true
  subsystem_nqn:
    description: NQN of the subsystem.
    type: str
    required: true
  secret:
    description: The configured PSK as interchange text, C(NVMeTLSkey-1:...).
    type: str
    required: true
  state:
    description: Whether the key is to be in the keyring.
    type: str
    choices: [present, absent]
    default: present
  keyring:
    description: The keyring, by name or serial number.
    type: str
    default: .nvme
attributes:
  check_mode:
    support: full
    description: The daemon checks everything (C(validate_only)) and leaves the keyring alone.
"""

EXAMPLES = r"""
- name: Let the host connect to its storage
  nvmed.nvmed.tls_key:
    host_nqn: nqn.2014-08.org.nvmexpress:uuid:6e766d65-6473-496d-8000-000000000001
    subsystem_nqn: nqn.2014-08.org.example:storage-7
    secret: "{{ vault_storage_7_psk }}"
"""

RETURN = r"""
identity:
  description: Identity of the key in the keyring, which tells nothing of the secret.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.nvmed.nvmed.plugins.module_utils.nvmedctl import CONNECTION, TOGETHER, Nvmedctl


def main():
    """Insert or revoke one key."""
    module = AnsibleModule(
        dict(
            CONNECTION,
            host_nqn={"type": "str", "required": True},
            subsystem_nqn={"type": "str", "required": True},
            secret={"type": "str", "required": True, "no_log": True},
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
            keyring={"type": "str", "default": ".nvme", "no_log": False},
        ),
        required_together=TOGETHER,
        supports_check_mode=True,
    )
    given = module.params
    nvmedctl = Nvmedctl(module)
    names = ["--host-nqn", given["host_nqn"], "--subsystem-nqn", given["subsystem_nqn"]]
    secret = given["secret"].encode()
    keyring = ["--keyring", given["keyring"]]
    dry = ["--dry-run"] if module.check_mode else []
    identity = nvmedctl.run("keys", "identity", *names, data=secret)["identity"]
    is_there = any(key["description"] == identity for key in nvmedctl.run("keys", "list", *keyring)["keys"])
    if given["state"] == "present" and not is_there:
        nvmedctl.run("keys", "insert", *names, *keyring, *dry, data=secret)
    elif given["state"] == "absent" and is_there:
        nvmedctl.run("keys", "revoke", identity, *keyring, *dry)
    nvmedctl.exit(changed=is_there != (given["state"] == "present"), identity=identity)


if __name__ == "__main__":
    main()
