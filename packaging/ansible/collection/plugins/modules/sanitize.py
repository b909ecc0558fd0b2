#!/usr/bin/python
# Apache License 2.0, see https://www.apache.org/licenses/LICENSE-2.0

"""The module `sanitize`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sanitize
short_description: Erase all data of an NVMe drive's subsystem
description:
  - Sanitizes a drive, waits until that is over, and leaves a signed record of it with the daemon.
  - A drive that says that nothing was written since it was last sanitized is left alone, unless O(force).
version_added: 0.2.0
author: The nvmed authors (@nvmed)
extends_documentation_fragment: nvmed.nvmed.nvmedctl
options:
  controller:
    description: Resource name or device node of a controller of the subsystem.
    type: str
    required: true
  methods:
    description: What may be done, in this order; without it, block erase and then crypto erase.
    type: list
    elements: str
    choices: [block, crypto, overwrite, format, format-crypto]
    default: []
  acknowledge_data_loss:
    description: The data will be lost, and that is fine. Refused without it.
    type: bool
    default: false
  force:
    description: Sanitize also a drive to which nothing was written since the last time.
    type: bool
    default: false
  override:
    description: Gates that need not hold, such as V(in-use).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: The daemon checks all gates (C(validate_only)) and sends the drive nothing.
"""

EXAMPLES = r"""
- name: Erase before the drive leaves the house
  nvmed.nvmed.sanitize:
    controller: controllers/s4cx-1
    methods: [crypto, block]
    acknowledge_data_loss: true
"""

RETURN = r"""
erasure:
  description: C(nvmed.v1.SanitizeDriveResponse), with the name of the record in C(erasure_record).
  returned: if it was erased, or would be
  type: dict
status:
  description: C(nvmed.v1.SanitizeStatus) of before.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.nvmed.nvmed.plugins.module_utils.nvmedctl import CONNECTION, TOGETHER, Nvmedctl

METHODS = ["block", "crypto", "overwrite", "format", "format-crypto"]


def main():
    """Erase one subsystem."""
    module = AnsibleModule(
        dict(
            CONNECTION,
            controller={"type": "str", "required": True},
            methods={"type": "list", "elements": "str", "choices": METHODS, "default": []},
            acknowledge_data_loss={"type": "bool", "default": False},
            force={"type": "bool", "default": False},
            override={"type": "list", "elements": "str", "default": []},
        ),
        required_together=TOGETHER,
        supports_check_mode=True,
    )
    given = module.params
    nvmedctl = Nvmedctl(module)
    status = nvmedctl.run("drive", "sanitize-status", given["controller"])
    if status["global_data_erased"] and not given["force"]:
        nvmedctl.exit(status=status)
    words = []
    for option in ("methods", "override"):
        for value in given[option]:
            words += ["--" + option.rstrip("s"), value]
    if given["acknowledge_data_loss"]:
        words.append("--acknowledge-data-loss")
    if module.check_mode:
        words.append("--dry-run")
    erasure = nvmedctl.run("drive", "sanitize", given["controller"], *words)
    nvmedctl.exit(changed=True, erasure=erasure, status=status)


if __name__ == "__main__":
    main()
