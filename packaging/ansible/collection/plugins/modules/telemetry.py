#!/usr/bin/python
# Apache License 2.0, see https://www.apache.org/licenses/LICENSE-2.0

"""The module `telemetry`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: telemetry
short_description: Save a telemetry log of an NVMe drive
description:
  - Saves a telemetry log into a file where the module runs. The file appears once the log is complete and checked.
  - Without O(create), a log that is in the file already is not a change.
version_added: 0.2.0
author: The nvmed authors (@nvmed)
extends_documentation_fragment: nvmed.nvmed.nvmedctl
options:
  controller:
    description: Resource name or device node of the controller.
    type: str
    required: true
  dest:
    description: The file. Its directory must be there.
    type: path
    required: true
  source:
    description: Which log.
    type: str
    choices: [host, controller]
    default: host
  area:
    description: How much of it, V(auto) for the largest area that is filled.
    type: str
    choices: ["1", "2", "3", "4", auto]
    default: "3"
  create:
    description: Capture a new host log first, which replaces the one that the drive has. Is always a change.
    type: bool
    default: false
  acknowledge:
    description: Acknowledge the controller's log once it is in the file, so that the drive may raise its next.
    type: bool
    default: false
attributes:
  check_mode:
    support: partial
    description: The daemon is only asked whether there is such a controller.
    details:
      - Reads nothing from the drive. Whether the log differs from the file is then not known, and told as a change.
"""

EXAMPLES = r"""
- name: Capture telemetry for the vendor
  nvmed.nvmed.telemetry:
    controller: nvme0
    dest: "/var/tmp/{{ inventory_hostname }}-nvme0.bin"
    create: true
"""

RETURN = r"""
log:
  description: What was saved, as C(nvmedctl telemetry save) prints it.
  returned: unless in check mode
  type: dict
  sample: {size_bytes: 135680, sha256: 0a4c35df, generation_number: 2}
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.nvmed.nvmed.plugins.module_utils.nvmedctl import CONNECTION, TOGETHER, Nvmedctl


def main():
    """Save one log."""
    module = AnsibleModule(
        dict(
            CONNECTION,
            controller={"type": "str", "required": True},
            dest={"type": "path", "required": True},
            source={"type": "str", "choices": ["host", "controller"], "default": "host"},
            area={"type": "str", "choices": ["1", "2", "3", "4", "auto"], "default": "3"},
            create={"type": "bool", "default": False},
            acknowledge={"type": "bool", "default": False},
        ),
        required_together=TOGETHER,
        supports_check_mode=True,
    )
    given = module.params
    if given["create"] and given["source"] == "controller":
        module.fail_json(msg="create is of host logs: a controller captures its own by itself")
    nvmedctl = Nvmedctl(module)
    if module.check_mode:
        nvmedctl.run("firmware", "slots", given["controller"])  # that there is such a controller, without its log
        nvmedctl.exit(changed=True)
    before = module.sha256(given["dest"]) if os.path.exists(given["dest"]) else None
    words = ["--file", given["dest"], "--source", given["source"], "--area", given["area"]]
    words += [word for word, is_given in (("--create", given["create"]), ("--ack", given["acknowledge"])) if is_given]
    log = nvmedctl.run("telemetry", "save", given["controller"], *words)
    nvmedctl.exit(changed=given["create"] or log["acknowledged"] or log["sha256"] != before, log=log)


if __name__ == "__main__":
    main()
